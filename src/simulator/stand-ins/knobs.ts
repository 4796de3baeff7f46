/** The variables that tell a stand-in how to behave; durations in milliseconds. Empty means unset. */
export const knobs = {
  /** Until it listens, is ready or does its task: the real ones load Rails meanwhile. */
  bootMs: number('STAND_IN_BOOT_MS', 1500),
  /** How long a pretend job of sidekiq takes. */
  jobMs: number('STAND_IN_JOB_MS', 400),
  /** Time between two pretend jobs; the first comes when sidekiq is ready. */
  jobEveryMs: number('STAND_IN_JOB_EVERY_MS', 5000),
  /** The rails task that fails: `db:migrate` or `runner`. */
  failingTask: process.env.STAND_IN_FAIL ?? '',
};

function number(name: string, otherwise: number): number {
  const value = Number(process.env[name] || otherwise);
  if (!(value >= 0)) throw new Error(`${name}: expected a number of milliseconds, got ${String(process.env[name])}`);
  return value;
}
