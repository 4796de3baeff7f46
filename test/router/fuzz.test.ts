// Random cases from a fixed seed. A long run, and a failed case again from its seed and path:
//   FUZZ_RUNS=100000 FUZZ_SEED=7 npx vitest run --project pure test/router/fuzz.test.ts
//   FUZZ_SEED=7 FUZZ_PATH=123:0:1 npx vitest run --project pure test/router/fuzz.test.ts
import fc from 'fast-check';
import { onTestFinished, test } from 'vitest';
import { fuzzClient } from './fuzz-clients.ts';
import { scripts } from './fuzz-responses.ts';
import { FuzzRunner, type FuzzCase } from './fuzz-runner.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 400);
const SEED = Number(process.env.FUZZ_SEED ?? 4);
/** Enough to find a small case. Each step may cost a timeout. */
const MAX_SHRINKS = 200;

test(
  `${RUNS} random cases of invalid bytes from clients and upstreams`,
  { timeout: 300_000 + RUNS * 100 },
  async () => {
    const crashes = collectCrashes();
    let runner: FuzzRunner | null = null;
    let failures = 0;
    let shrinks = 0;
    const run = async (fuzzCase: FuzzCase): Promise<void> => {
      if (failures > 0 && (shrinks += 1) > MAX_SHRINKS) return;
      runner ??= await FuzzRunner.start({ isShrinking: failures > 0 });
      try {
        await runner.run(fuzzCase);
        const [crash] = crashes.splice(0);
        if (crash !== undefined) throw crash;
      } catch (error) {
        failures += 1;
        await runner.close();
        runner = null;
        throw error;
      }
    };
    const { FUZZ_PATH: path } = process.env;
    await fc.assert(fc.asyncProperty(fc.record({ client: fuzzClient, scripts }), run), {
      numRuns: RUNS,
      seed: SEED,
      ...(path === undefined ? {} : { path }),
    });
  },
);

/** Collects errors that would end the process, and warnings, which may be about a leak. */
function collectCrashes(): Error[] {
  const crashes: Error[] = [];
  const onCrash = (reason: unknown): void =>
    void crashes.push(reason instanceof Error ? reason : new Error(String(reason)));
  const EVENTS = ['uncaughtExceptionMonitor', 'unhandledRejection', 'warning'] as const;
  for (const event of EVENTS) process.on(event as 'warning', onCrash);
  onTestFinished(() => EVENTS.forEach((event) => process.off(event, onCrash)));
  return crashes;
}
