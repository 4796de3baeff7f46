// The memory of a whole dyno over time, as somebody outside sees it.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { kindOf, memoryOf } from './processes.js';

export class Meter {
  #isRunning = true;
  /** { atMs, pss, rss, kinds: { puma: bytes, … } }, bytes. */
  samples = [];

  /** Every `everyMs`; `look` gives the pids that count now; `each` is called with each sample. */
  constructor(everyMs, look, each) {
    this.done = this.#run(everyMs, look, each);
  }

  stop() {
    this.#isRunning = false;
    return this.done;
  }

  async #run(everyMs, look, each) {
    while (this.#isRunning) {
      const startedMs = performance.now();
      const sample = readingOf(look(), startedMs);
      this.samples.push(sample);
      each(sample);
      await pause(Math.max(5, everyMs - (performance.now() - startedMs)));
    }
  }
}

export function readingOf(pids, atMs = performance.now()) {
  const sample = { atMs, pss: 0, rss: 0, kinds: {} };
  for (const pid of pids) {
    const kind = kindOf(pid);
    const { pss, rss } = memoryOf(pid);
    sample.pss += pss;
    sample.rss += rss;
    sample.kinds[kind] = (sample.kinds[kind] ?? 0) + pss;
  }
  return sample;
}
