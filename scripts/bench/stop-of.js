import { now } from './run.js';

/** What became of a run after TERM to its main process or to all: endedMs to the end of the main process, null where it did
 * not come in time; left, the children that were alive then; cut, those that were killed before they had done. null where
 * its children never came up. `whom`: main or all. */
export async function stopOf(run, whom, { count, atMostMs }) {
  const children = new Set(run.noted('up').map(({ pid }) => pid));
  if (children.size < count) return null;
  const pids = whom === 'all' ? run.look() : [run.child.pid];
  const from = now();
  run.broadcast('SIGTERM', pids);
  const end = await run.endWithin(atMostMs);
  const done = new Set(run.noted('end').map(({ pid }) => pid));
  const left = run.look().filter((pid) => children.has(pid) && !done.has(pid));
  return {
    endedMs: end && end.atMs - from,
    left: left.length,
    cut: [...children].filter((pid) => !done.has(pid) && !left.includes(pid)).length,
  };
}
