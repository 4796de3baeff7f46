// The same load on several targets in turn, so that other work of the machine affects all of them alike.
import { median, sum } from '../report/statistics.ts';
import { runLoad } from './load.ts';
import type { LoadOptions, LoadResult } from './load.ts';
import type { Target } from './proxies.ts';

/** Medians over the rounds. `ofFirst` and `added` compare with the first target, within the same round. */
export type TargetFigures = {
  name: string;
  rps: number;
  ofFirst: number;
  p50Ms: number;
  p50AddedMs: number;
  p99Ms: number;
  p99AddedMs: number;
  quartiles: { ofFirst: number[]; p50AddedMs: number[] };
  cpuUs: number;
  cpuOfFirst: number;
  requests: number;
  errors: number;
};
type Round = { own: LoadResult; first: LoadResult };

const WARM_UP_SECONDS = 1;

export async function measureInRounds(
  targets: readonly Target[],
  { rounds, ...load }: LoadOptions & { rounds: number },
): Promise<TargetFigures[]> {
  for (const target of targets) await runLoad(target, { ...load, seconds: WARM_UP_SECONDS });
  const found = targets.map(({ name }) => ({ name, rounds: [] as Round[] }));
  for (let round = 0; round < rounds; round += 1) {
    const results = await measureOnce(targets, load, round);
    for (const [index, { rounds: all }] of found.entries()) {
      const [own, first] = [results.get(index), results.get(0)];
      if (own !== undefined && first !== undefined) all.push({ own, first });
    }
  }
  return found.map(({ name, rounds: all }) => ({ name, ...summaryOf(all) }));
}

/** Results by index of target. Each round starts with another target. */
async function measureOnce(
  targets: readonly Target[],
  load: LoadOptions,
  round: number,
): Promise<Map<number, LoadResult>> {
  const indices = targets.map((_, turn) => (round + turn) % targets.length);
  const results = new Map<number, LoadResult>();
  for (const index of indices) {
    const target = targets[index];
    if (target !== undefined) results.set(index, await runLoad(target, load));
  }
  return results;
}

function summaryOf(rounds: readonly Round[]): Omit<TargetFigures, 'name'> {
  const middle = (figure: (round: Round) => number) => median(rounds.map(figure));
  const ratios = rounds.map(({ own, first }) => own.rps / first.rps);
  const added = rounds.map(({ own, first }) => own.p50Ms - first.p50Ms);
  return {
    rps: middle(({ own }) => own.rps),
    ofFirst: median(ratios),
    p50Ms: middle(({ own }) => own.p50Ms),
    p50AddedMs: median(added),
    p99Ms: middle(({ own }) => own.p99Ms),
    p99AddedMs: middle(({ own, first }) => own.p99Ms - first.p99Ms),
    quartiles: { ofFirst: quartilesOf(ratios), p50AddedMs: quartilesOf(added) },
    cpuUs: middle(({ own }) => own.cpuUs),
    cpuOfFirst: middle(({ own, first }) => own.cpuUs / first.cpuUs),
    requests: sum(rounds.map(({ own }) => own.requests)),
    errors: sum(rounds.map(({ own }) => own.errors)),
  };
}

/** Of measured values, without interpolation. */
function quartilesOf(values: readonly number[]): number[] {
  const sorted = [...values].sort((one, other) => one - other);
  return [0.25, 0.75].map((share) => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN);
}
