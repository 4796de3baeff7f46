import type { Clock } from './host.ts';

/** The monotonic clock: a step of the wall clock changes nothing. */
export const clock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};
