// A job runs the real `convert` on a picture that takes three times the quota: under the shell line the platform kills
// the dyno, under us only `convert` goes.
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { atWork } from '../at-work.js';
import { shellLine, supervised } from '../dyno.js';
import { temporaryFolder } from '../ending.js';
import { MIB, mb, secondsOf } from '../figures.js';
import { momentsOf } from '../moments.js';
import { findConvert, makePicture, withoutLimits } from '../picture.js';
import { plot } from '../plot.js';

const QUOTA = 512 * MIB;
const LIMITS = { quota: QUOTA, killsAt: 2 * QUOTA };
const GUARD = { SUPERVISE_MEMORY_QUOTA: '512M', SUPERVISE_MEMORY_KILLS_AT: '200' };
/** The same in both runs, so that they differ in the guard only. */
const SAME = { WEB_CONCURRENCY: '0', MALLOC_ARENA_MAX: '2', SIDEKIQ_THREADS: '5' };
const BEFORE_MS = 6000;
const AFTER_MS = 20_000;
const DRAWN_MS = { before: 3000, after: 8000 };

export async function saved(say) {
  const picture = makePicture(temporaryFolder(), 12_000, 10_000);
  const without = await run(shellLine, picture, {}, say);
  const withUs = await run(supervised, picture, GUARD, say);
  const runs = [without, withUs];
  return {
    title: `A job's convert that takes three times the quota of ${mb(QUOTA)}`,
    rows: [['', ...runs.map(({ name }) => name)], ...rowsOf(runs)],
    claims: claimsOf(withUs),
    facts: withUs.facts,
    images: { 'memory-saved.svg': drawing(runs) },
  };
}

async function run(what, picture, guard, say) {
  const env = { ...SAME, ...withoutLimits(dirname(picture)), CONVERT: findConvert(), ...guard };
  const jobs = { everyMs: 500, count: 2, worker: 'RecordedWorker', argument: 1 };
  const result = await atWork({ what, env, jobs, ...LIMITS }, async ({ ledger }) => {
    say(`${what.name}: is at work`);
    await pause(BEFORE_MS);
    const convertMs = performance.now();
    await ledger.enqueue(1, 'ConvertWorker', picture);
    await pause(AFTER_MS);
    return { convertMs };
  });
  say(`${what.name}: ${result.ends.map(({ how }) => how).join(', ') || 'lives'}`);
  return result;
}

function rowsOf(runs) {
  const row = (name, cell) => [name, ...runs.map(cell)];
  return [
    row('memory at most (PSS, everything)', ({ peak }) => mb(peak)),
    row('over the quota (R14)', ({ overQuotaMs }) => secondsOf(overQuotaMs)),
    row('dynos killed (R15)', ({ ends }) => ends.filter(({ how }) => how === 'R15').length),
    row('dynos ended otherwise', ({ ends }) => ends.filter(({ how }) => how !== 'R15').length),
    row('requests sent', ({ load }) => load.sent),
    row('requests failed', ({ load }) => load.failed),
    row('no answers for', ({ load }) => secondsOf(load.outageMs)),
    row('slowest answer', ({ load }) => secondsOf(load.slowestMs)),
    row('jobs handed in', ({ jobs }) => jobs.enqueued),
    row('jobs done', ({ jobs }) => jobs.done),
    row('jobs to be retried', ({ jobs }) => jobs.retried),
    row('jobs lost', ({ jobs }) => jobs.lost),
  ];
}

function claimsOf({ ends, load, jobs }) {
  return [
    { text: 'the dyno lives', holds: ends.length === 0 },
    { text: 'every request is answered', holds: load.failed === 0 },
    { text: 'no job is lost, and the one with convert is retried', holds: jobs.lost === 0 && jobs.retried === 1 },
  ];
}

function drawing(runs) {
  const panels = runs.map(({ name, samples, seen: { convertMs }, ends, facts }) => ({
    title: name,
    zeroMs: convertMs,
    samples: samples.filter(({ atMs }) => atMs > convertMs - DRAWN_MS.before && atMs < convertMs + DRAWN_MS.after),
    marks: [{ atMs: convertMs, text: 'the job starts' }, ...momentsOf(facts, ends)].filter(
      ({ atMs }) => atMs < convertMs + DRAWN_MS.after,
    ),
  }));
  const lines = [
    { bytes: QUOTA, text: `${mb(QUOTA)}, R14` },
    { bytes: 2 * QUOTA, text: `${mb(2 * QUOTA)}, R15` },
  ];
  return plot({ panels, lines });
}
