// The outcomes of all turns of one peer, as one.
import { median } from '../../memory/figures.js';

export function sumOf(outcomes) {
  const lives = outcomes.flatMap((outcome) => outcome.lives);
  const count = (isCounted) => lives.filter(isCounted).length;
  return {
    restarts: lives.length,
    notUp: count(({ isUp }) => !isUp),
    crashed: count(({ hasCrashed }) => hasCrashed),
    killedByPlatform: count(({ stopMs }) => stopMs === null),
    endedBeforeChildren: count(({ stopMs, left }) => stopMs !== null && left > 0),
    medianStopMs: median(lives.flatMap(({ stopMs }) => (stopMs === null ? [] : [stopMs]))),
    inHand: lives.reduce((sum, { inHand }) => sum + inHand, 0),
    jobs: added(outcomes.map(({ jobs }) => jobs)),
    requests: added(outcomes.map(({ requests }) => requests)),
    errors: added(outcomes.map(({ errors }) => errors)),
  };
}

/** Objects of numbers, key by key. */
function added(objects) {
  const sum = {};
  for (const [key, number] of objects.flatMap(Object.entries)) sum[key] = (sum[key] ?? 0) + number;
  return sum;
}
