const timeScale = number('STAND_IN_TIME_SCALE', 1, 'a number above 0', (value) => value > 0);

/** The environment variables that configure a stand-in. Durations in milliseconds, memory in bytes. Empty means
 * unset. */
export const options = {
  /** Scales a duration of the stand-in itself by STAND_IN_TIME_SCALE. Command line options and Mastodon's variables are
   * not scaled. */
  scale: (ms: number): number => ms / timeScale,
  /** The time until it listens, is ready or finishes its task. The real programs load Rails meanwhile. */
  bootMs: milliseconds('STAND_IN_BOOT_MS', 1500),
  /** From the moment streaming listens until its Redis connection is ready: some 10 to 100 ms for the real server
   * behind TLS. */
  redisMs: milliseconds('STAND_IN_REDIS_MS', 100),
  /** The duration of a pretend job. */
  jobMs: milliseconds('STAND_IN_JOB_MS', 400),
  /** The interval of pretend jobs. The first starts when sidekiq is ready. */
  jobEveryMs: milliseconds('STAND_IN_JOB_EVERY_MS', 5000),
  /** The rails task that fails: `db:migrate` or `runner`. */
  failingTask: process.env.STAND_IN_FAIL ?? '',
  /** Private memory allocated during boot. A puma cluster distributes it over its processes. */
  pumaBytes: mebibytes('STAND_IN_PUMA_MB'),
  sidekiqBytes: mebibytes('STAND_IN_SIDEKIQ_MB'),
  streamingBytes: mebibytes('STAND_IN_STREAMING_MB'),
  /** The folder of the control sockets. Empty: no control socket. */
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
