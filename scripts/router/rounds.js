// The same load on several targets in turn, so that what the machine does besides hits all of them alike.
import { median } from '../memory/figures.js';
import { loadOf } from './wrk.js';

const WARM_UP_SECONDS = 1;

/** For each target its name and the medians over `rounds` rounds, of differences and ratios to the first target too: those
 * are taken within a round. */
export async function inRounds(targets, { rounds, ...load }) {
  for (const target of targets) await loadOf(target, { ...load, seconds: WARM_UP_SECONDS });
  const found = targets.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < targets.length; turn += 1) {
      const index = (round + turn) % targets.length;
      found[index][round] = await loadOf(targets[index], load);
    }
  }
  return targets.map(({ name }, index) => ({ name, ...summary(found[index], found[0]) }));
}

function summary(rounds, first) {
  const middle = (figure) => median(rounds.map(figure));
  const ratios = rounds.map(({ rps }, round) => rps / first[round].rps);
  const added = rounds.map(({ p50Ms }, round) => p50Ms - first[round].p50Ms);
  return {
    rps: middle(({ rps }) => rps),
    ofFirst: median(ratios),
    p50Ms: middle(({ p50Ms }) => p50Ms),
    p50AddedMs: median(added),
    p99Ms: middle(({ p99Ms }) => p99Ms),
    p99AddedMs: middle(({ p99Ms }, round) => p99Ms - first[round].p99Ms),
    quartiles: { ofFirst: quartilesOf(ratios), p50AddedMs: quartilesOf(added) },
    cpuUs: middle(({ cpuUs }) => cpuUs),
    cpuOfFirst: middle(({ cpuUs }, round) => cpuUs / first[round].cpuUs),
    requests: rounds.reduce((sum, { requests }) => sum + requests, 0),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
  };
}

function quartilesOf(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return [0.25, 0.75].map((part) => sorted[Math.floor(part * (sorted.length - 1))]);
}
