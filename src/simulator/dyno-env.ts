import { concurrencyVars, type ConcurrencyScript } from './buildpacks.ts';
import type { ConfigVars } from './config-vars.ts';

export type DynoPlace = {
  name: string;
  /** null for the release, which gets none. */
  port: number | null;
  quotaBytes: number;
  timeScale: number;
  /** For its temporary files, which no other dyno sees. */
  scratch: string;
  /** In front of the PATH. */
  folders: readonly string[];
  /** Only the stand-ins': their knobs and their pretend database. */
  standIns: ConfigVars;
  /** The buildpack whose profile script sets WEB_CONCURRENCY; null: none does. */
  concurrencyScript: ConcurrencyScript | null;
};

const STOP_SECONDS = 30;
const START_SECONDS = 45;
const STOP_LEAST_SECONDS = 2;

/** The environment of one dyno: the config vars, and what the platform adds. The quota, which a real dyno reads from its
 * cgroup, has to be said here; a laptop is no place to listen on every address; and our own lines are for a person. */
export function dynoEnv(config: ConfigVars, place: DynoPlace): Record<string, string> {
  const { name, port, quotaBytes, timeScale, scratch, folders, standIns, concurrencyScript } = place;
  const path = [...folders, config.PATH ?? '/usr/bin:/bin'].join(':');
  return {
    BIND: '127.0.0.1',
    SUPERVISE_MEMORY_QUOTA: `${quotaBytes}`,
    SUPERVISE_LOG_FORMAT: 'pretty',
    ...standIns,
    ...config,
    ...concurrencyVars(concurrencyScript, config, quotaBytes),
    ...(timeScale === 1 ? {} : shortened(config, timeScale)),
    PATH: path,
    TMPDIR: scratch,
    DYNO: name,
    ...(port === null ? {} : { PORT: `${port}` }),
  };
}

/** The supervisor's own times, in step with the platform's. What is no number, or too little, is the supervisor's to complain
 * about. */
function shortened(config: ConfigVars, timeScale: number): ConfigVars {
  const stop = Number(config.SUPERVISE_STOP_TIMEOUT ?? STOP_SECONDS);
  const start = Number(config.SUPERVISE_START_TIMEOUT ?? START_SECONDS);
  const leastStop = Math.max(STOP_LEAST_SECONDS, stop / timeScale);
  return {
    STAND_IN_TIME_SCALE: `${timeScale}`,
    ...(stop >= STOP_LEAST_SECONDS ? { SUPERVISE_STOP_TIMEOUT: leastStop.toFixed(3) } : {}),
    ...(start >= 0 ? { SUPERVISE_START_TIMEOUT: (start / timeScale).toFixed(3) } : {}),
  };
}
