const timeScale = number('STAND_IN_TIME_SCALE', 1, 'a number above 0', (value) => value > 0);

/** The variables that tell a stand-in how to behave; durations in milliseconds, memory in bytes. Empty means unset. */
export const knobs = {
  /** A duration of the stand-in's own, as short as STAND_IN_TIME_SCALE makes it. What its command line or Mastodon's
   * variables say is not shortened. */
  scaledMs: (ms: number): number => ms / timeScale,
  /** Until it listens, is ready or does its task: the real ones load Rails meanwhile. */
  bootMs: milliseconds('STAND_IN_BOOT_MS', 1500),
  /** From the moment streaming listens until its Redis connection is ready: some 10 to 100 ms for the real one behind TLS. */
  redisMs: milliseconds('STAND_IN_REDIS_MS', 100),
  /** How long a pretend job of sidekiq takes. */
  jobMs: milliseconds('STAND_IN_JOB_MS', 400),
  /** Time between two pretend jobs; the first comes when sidekiq is ready. */
  jobEveryMs: milliseconds('STAND_IN_JOB_EVERY_MS', 5000),
  /** The rails task that fails: `db:migrate` or `runner`. */
  failingTask: process.env.STAND_IN_FAIL ?? '',
  /** Private memory that each takes while it boots and keeps; a puma in cluster mode shares it out. */
  pumaBytes: mebibytes('STAND_IN_PUMA_MB'),
  sidekiqBytes: mebibytes('STAND_IN_SIDEKIQ_MB'),
  streamingBytes: mebibytes('STAND_IN_STREAMING_MB'),
  /** The folder in which it takes commands; none where it is empty. */
  controlFolder: process.env.STAND_IN_CONTROL ?? '',
};

function milliseconds(name: string, otherwise: number): number {
  return number(name, otherwise, 'a number of milliseconds') / timeScale;
}

function mebibytes(name: string): number {
  return number(name, 0, 'a number of megabytes') * 2 ** 20;
}

function number(name: string, otherwise: number, expected: string, isFit = (value: number) => value >= 0): number {
  const value = Number(process.env[name] || otherwise);
  if (!isFit(value)) throw new Error(`${name}: expected ${expected}, got ${String(process.env[name])}`);
  return value;
}
