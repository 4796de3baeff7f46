// A seeded run of nonsense, small here. A long one, and one that failed again, from its seed and its path:
//   FUZZ_RUNS=100000 FUZZ_SEED=7 npx vitest run --project pure test/router/fuzz.test.ts
//   FUZZ_SEED=7 FUZZ_PATH=123:0:1 npx vitest run --project pure test/router/fuzz.test.ts
import fc from 'fast-check';
import { onTestFinished, test } from 'vitest';
import { Bed, type FuzzCase } from './fuzz-runner.ts';
import { fuzzClient } from './fuzz-clients.ts';
import { scripts } from './fuzz-responses.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 400);
const SEED = Number(process.env.FUZZ_SEED ?? 4);
/** Enough to find a small case; each may cost a wait. */
const SHRINKS = 200;

test(`${RUNS} cases of nonsense from both sides`, { timeout: 300_000 + RUNS * 100 }, async () => {
  const crashes = listenForCrashes();
  let bed: Bed | null = null;
  let failures = 0;
  let shrinks = 0;
  const play = async (one: FuzzCase): Promise<void> => {
    if (failures > 0 && (shrinks += 1) > SHRINKS) return;
    bed ??= await Bed.start(failures > 0);
    try {
      await bed.meets(one);
      const [crash] = crashes.splice(0);
      if (crash !== undefined) throw crash;
    } catch (error) {
      failures += 1;
      await bed.close();
      bed = null;
      throw error;
    }
  };
  const { FUZZ_PATH: path } = process.env;
  await fc.assert(fc.asyncProperty(fc.record({ client: fuzzClient, scripts }), play), {
    numRuns: RUNS,
    seed: SEED,
    ...(path === undefined ? {} : { path }),
  });
});

/** What would end the process, or tells of a leak. */
function listenForCrashes(): Error[] {
  const crashes: Error[] = [];
  const crashed = (what: unknown): void => void crashes.push(what instanceof Error ? what : new Error(String(what)));
  const KINDS = ['uncaughtExceptionMonitor', 'unhandledRejection', 'warning'] as const;
  for (const kind of KINDS) process.on(kind as 'warning', crashed);
  onTestFinished(() => KINDS.forEach((kind) => process.off(kind, crashed)));
  return crashes;
}
