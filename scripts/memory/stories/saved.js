// A job runs the real `convert` on a picture that takes three times the quota: under the shell line the platform kills
// the dyno, under us only `convert` goes.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { shellLine, supervised } from '../dyno.js';
import { temporaryFolder } from '../ending.js';
import { MIB, largest, mb, secondsOf } from '../figures.js';
import { isUp, makeInstance } from '../instance.js';
import { Ledger } from '../ledger.js';
import { Load } from '../load.js';
import { findConvert, makePicture, withoutLimits } from '../picture.js';
import { Platform } from '../platform.js';
import { plot } from '../plot.js';
import { momentsOf } from '../moments.js';

const QUOTA = 512 * MIB;
const LIMITS = { quota: QUOTA, killsAt: 2 * QUOTA };
const GUARD = { SUPERVISE_MEMORY_QUOTA: '512M', SUPERVISE_MEMORY_KILLS_AT: '200' };
/** The same in both runs, so that they differ in the guard only. */
const SAME = { WEB_CONCURRENCY: '0', MALLOC_ARENA_MAX: '2', SIDEKIQ_THREADS: '5' };
const BEFORE_MS = 6000;
const AFTER_MS = 20_000;

export async function saved(say) {
  const picture = makePicture(temporaryFolder(), 12_000, 10_000);
  const without = await run(shellLine, picture, {}, say);
  const withUs = await run(supervised, picture, GUARD, say);
  const runs = [without, withUs];
  return {
    title: `A job's convert that takes three times the quota of ${mb(QUOTA)}`,
    rows: [['', ...runs.map(({ name }) => name)], ...rowsOf(runs)],
    claims: claimsOf(withUs),
    images: { 'memory-saved.svg': drawing(runs) },
  };
}

async function run(what, picture, guard, say) {
  const instance = await makeInstance();
  Object.assign(instance.env, SAME, withoutLimits(instance.folder), { CONVERT: findConvert() }, guard);
  const platform = new Platform(what, instance, LIMITS);
  await isUp(instance);
  say(`${what.name}: is up`);
  const ledger = new Ledger(instance.redis);
  const load = new Load(instance.port, 20);
  ledger.keepEnqueueing(500, 2, 'RecordedWorker', 1);
  await pause(BEFORE_MS);
  const convertMs = performance.now();
  await ledger.enqueue(1, 'ConvertWorker', picture);
  await pause(AFTER_MS);
  ledger.stop();
  const [jobs] = await Promise.all([ledger.settle(), pause(2000)]);
  await load.stop();
  await platform.stop();
  const { samples } = platform.meter;
  const { ends, facts, overQuotaMs } = platform;
  say(`${what.name}: ${ends.map(({ how }) => how).join(', ') || 'lives'}`);
  const peak = largest(samples.map(({ pss }) => pss));
  return { name: what.name, jobs, load: requests(load), ends, facts, overQuotaMs, peak, convertMs, samples };
}

function requests({ sent, answered, slowestMs, failuresMs }) {
  const outageMs = failuresMs.length === 0 ? 0 : failuresMs.at(-1) - failuresMs[0];
  return { sent, answered, failed: failuresMs.length, slowestMs, outageMs };
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
  const panels = runs.map(({ name, samples, convertMs, ends, facts }) => ({
    title: name,
    zeroMs: convertMs,
    samples: samples.filter(({ atMs }) => atMs > convertMs - BEFORE_MS && atMs < convertMs + AFTER_MS),
    marks: [{ atMs: convertMs, text: 'the job starts' }, ...momentsOf(facts, ends)],
  }));
  const lines = [
    { bytes: QUOTA, text: `${mb(QUOTA)}, R14` },
    { bytes: 2 * QUOTA, text: `${mb(2 * QUOTA)}, R15` },
  ];
  return plot({ panels, lines });
}
