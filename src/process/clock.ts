import type { Clock } from '../host.ts';

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // setTimeout calls back at once for anything longer

/** The monotonic clock, which does not follow changes of the wall clock. Uses hrtime: `performance.now()` loads all of perf_hooks. */
export const clock: Clock = {
  now() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, ms), MAX_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
};
