// A sidekiq whose jobs leak, under a steady load: it is recycled, and nobody notices.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { atWork } from '../at-work.js';
import { supervised } from '../dyno.js';
import { MIB, largest, mb, median, secondsOf } from '../figures.js';
import { momentsOf } from '../moments.js';
import { plot } from '../plot.js';

const LEAK = { everyMs: 250, count: 1, worker: 'LeakingWorker', argument: 1024 };
const NO_LEAK = { ...LEAK, worker: 'RecordedWorker', argument: 0.1 };
const AT_MOST_MS = 90_000;
const AFTERWARDS_MS = 20_000;
const REST_MS = 8000;
/** Over what the dyno takes at rest: near enough that the leak gets to 150 per cent of it in under a minute. */
const QUOTA_OVER_REST = 1.2;

export async function leak(say) {
  const rest = await run({ SUPERVISE_MEMORY_GUARD: 'off', WEB_CONCURRENCY: '0' }, NO_LEAK, () => pause(REST_MS));
  const restBytes = median(rest.samples.slice(-30).map(({ pss }) => pss));
  const quota = Math.round((QUOTA_OVER_REST * restBytes) / MIB) * MIB;
  say(`at rest ${mb(restBytes)}, so the quota is ${mb(quota)}`);
  const env = { SUPERVISE_MEMORY_QUOTA: `${quota / MIB}M`, SUPERVISE_MEMORY_KILLS_AT: '200' };
  const result = await run(env, LEAK, untilRecycled, { quota, killsAt: 2 * quota });
  return {
    title: `A sidekiq that leaks ${LEAK.argument / 1024} MB a job, quota ${mb(quota)}`,
    rows: rowsOf(result, restBytes, quota),
    claims: claimsOf(result),
    facts: result.facts,
    images: { 'memory-leak.svg': drawing(result, quota) },
  };
}

function run(env, jobs, act, limits) {
  return atWork({ what: supervised, env, jobs, ...limits }, act);
}

/** And some time longer; gives when the new sidekiq was ready, undefined if there was none. */
async function untilRecycled({ platform }) {
  const end = performance.now() + AT_MOST_MS;
  const readyAgain = () => platform.facts.filter(({ fact, child }) => fact === 'ready' && child === 'sidekiq').at(1);
  while (!readyAgain() && performance.now() < end) await pause(100);
  if (readyAgain()) await pause(AFTERWARDS_MS);
  return { againMs: readyAgain()?.atMs };
}

function rowsOf({ facts, jobs, load, samples, seen: { againMs = Infinity } }, restBytes, quota) {
  const quietMs = facts.find(({ fact }) => fact === 'recycling')?.atMs ?? Infinity;
  const sidekiqOf = (part) => part.map(({ kinds }) => kinds.sidekiq ?? 0);
  const after = samples.filter(({ atMs }) => atMs > againMs && atMs < againMs + 3000);
  return [
    ['', 'a leaking sidekiq'],
    ['whole dyno at rest', mb(restBytes)],
    ['quota', mb(quota)],
    ['whole dyno at most', mb(largest(samples.map(({ pss }) => pss)))],
    ['sidekiq before', mb(largest(sidekiqOf(samples.filter(({ atMs }) => atMs < againMs))))],
    ['sidekiq after', mb(median(sidekiqOf(after)))],
    ['quiet to ready again', secondsOf(againMs - quietMs)],
    ['jobs handed in', jobs.enqueued],
    ['jobs done', jobs.done],
    ['jobs lost', jobs.lost],
    ['requests sent', load.sent],
    ['requests failed', load.failed],
    ['slowest answer', secondsOf(load.slowestMs)],
  ];
}

function claimsOf({ ends, jobs, load, facts }) {
  const recycled = facts.filter(({ fact }) => fact === 'recycling').length;
  return [
    { text: 'sidekiq is recycled once, the dyno lives', holds: recycled === 1 && ends.length === 0 },
    { text: 'every job ran, none is lost', holds: jobs.done === jobs.enqueued && jobs.lost === 0 },
    { text: 'every request is answered', holds: load.failed === 0 },
  ];
}

function drawing({ name, samples, facts, ends }, quota) {
  const lines = [1, 1.5, 2].map((part) => ({ bytes: part * quota, text: `${mb(part * quota)}, ${100 * part} %` }));
  const panel = { title: `${name}: a leak of 4 MB/s`, samples, zeroMs: samples[0].atMs, marks: momentsOf(facts, ends) };
  return plot({ panels: [panel], lines });
}
