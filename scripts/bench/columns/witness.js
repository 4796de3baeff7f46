// Watches what becomes of a peer and its children after something was done to them. Verdicts are made of what it saw.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Run, now } from '../run.js';

const BOOT_MS = 20_000;
const LOOK_MS = 20;
/** A platform ends what is left when the main process has ended; this is only for what is about to be reaped. */
const GRACE_MS = 200;

/** ask(run): what is done to it, once its children are up, `ready` of them is noted (by default nothing more), and
 * before(run) has been. The answer: isUp, end (code, signal, atMs) or null when none came in time, tookMs from asking to it, left (processes
 * that outlive it), and children with termMs (heard), endedMs (by themselves) and goneMs, after asking. */
export async function witness(
  peer,
  { ask, before = () => {}, ready = 'up', readyCount, atMostMs = 15_000, ...options },
) {
  const { count = 3 } = options;
  const run = new Run(peer, options);
  try {
    const up = await run.untilNoted('up', count, BOOT_MS);
    const isReady = (await run.untilNoted(ready, readyCount ?? count, BOOT_MS)).length >= (readyCount ?? count);
    if (up.length < count || !isReady) return { isUp: false, end: null, tookMs: NaN, left: 0, children: [] };
    await before(run);
    const askedMs = now();
    const [gone, end] = await Promise.all([watch(run, up, askedMs + atMostMs), run.endWithin(atMostMs), ask(run)]);
    return {
      isUp: true,
      end,
      tookMs: end && end.atMs - askedMs,
      left: gone.left,
      children: children(run, gone, askedMs),
    };
  } finally {
    run.discard();
  }
}

/** Until the end of the peer and a moment more, or until there is no time left. */
async function watch(run, up, untilMs) {
  const goneAtMs = new Map(up.map(({ pid }) => [pid, null]));
  let end = null;
  void run.ended.then((value) => (end = value));
  while (now() < Math.min(untilMs, (end?.atMs ?? Infinity) + GRACE_MS)) {
    for (const [pid, atMs] of goneAtMs) if (atMs === null && !isAlive(pid)) goneAtMs.set(pid, now());
    await pause(LOOK_MS);
  }
  return { goneAtMs, left: run.look().length };
}

function children(run, { goneAtMs }, askedMs) {
  // The first of each: who is still starting may get its TERM twice.
  const [terms, ends] = ['term', 'end'].map(
    (what) =>
      new Map(
        run
          .noted(what)
          .map(({ pid, atMs }) => [pid, atMs])
          .reverse(),
      ),
  );
  const after = (atMs = null) => (atMs === null ? null : atMs - askedMs);
  return [...goneAtMs].map(([pid, atMs]) => ({
    termMs: after(terms.get(pid)),
    endedMs: after(ends.get(pid)),
    goneMs: after(atMs),
  }));
}

function isAlive(pid) {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
