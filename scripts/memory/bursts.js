// The load of the runs that weigh a whole dyno: bursts of allocating jobs, beside the page requests that atWork() sends.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from './figures.js';

/** Each burst has one job per thread, so that all threads allocate at the same time. */
const BURST = [5, 'AllocatingWorker', 20];
const BURSTS = 24;
const LAST_BURSTS = 8;
const BURST_MS = 1250;

/** Runs a fixed number of bursts, each after the previous one is done, so that a busy machine does not change the work.
 * `pages`: requests that belong to each burst. Returns the begin of the work and of its last third, and its end. */
export async function workInBursts({ ledger, load }, { pages = 0 } = {}) {
  const beginMs = performance.now();
  let fromMs;
  for (let burst = 0; burst < BURSTS; burst += 1) {
    if (burst === BURSTS - LAST_BURSTS) fromMs = performance.now();
    await ledger.enqueue(...BURST);
    await Promise.all([pause(BURST_MS), load.inTurn(pages)]);
    while ((await ledger.count()).done < ledger.enqueued) await pause(50);
  }
  return { beginMs, fromMs, toMs: performance.now() };
}

/** Bytes of PSS: medians of the last third of the work, whole and by kind of process. */
export function lastThirdOf({ samples, seen: { fromMs, toMs } }) {
  const last = samples.filter(({ atMs }) => atMs > fromMs && atMs < toMs);
  const part = (kind) => median(last.map(({ kinds }) => kinds[kind] ?? 0));
  const own = part('shell') + part('supervisor');
  return { pss: median(last.map(({ pss }) => pss)), puma: part('puma'), sidekiq: part('sidekiq'), own };
}

/** Every job ran, every request was answered, and the dyno ran until it was stopped. */
export function isAllDone({ jobs, load, ends }) {
  return jobs.done === jobs.enqueued && load.failed === 0 && ends.length === 0;
}
