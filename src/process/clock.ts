import type { Clock } from '../host.ts';

const MOST_MS = 2 ** 31 - 1; // beyond it setTimeout calls back at once

/** The monotonic clock: a step of the wall clock changes nothing. `performance.now()` would load all of perf_hooks. */
export const clock: Clock = {
  now() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, ms), MOST_MS));
    return () => clearTimeout(timer);
  },
};
