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
};

const STOP_SECONDS = 30;
const START_SECONDS = 45;
const STOP_LEAST_SECONDS = 2;

/** The environment of one dyno: the config vars, and what the platform adds. The quota, which a real dyno reads from its
 * cgroup, has to be said here; a laptop is no place to listen on every address; and our own lines are for a person. */
export function dynoEnv(config: ConfigVars, place: DynoPlace): Record<string, string> {
  const { name, port, quotaBytes, timeScale, scratch, folders, standIns } = place;
  const path = [...folders, config.PATH ?? '/usr/bin:/bin'].join(':');
  return {
    BIND: '127.0.0.1',
    SUPERVISE_MEMORY_QUOTA: `${quotaBytes}`,
    SUPERVISE_LOG_FORMAT: 'pretty',
    ...standIns,
    ...config,
    ...(timeScale === 1 ? {} : shortened(config, timeScale)),
    PATH: path,
    TMPDIR: scratch,
    DYNO: name,
    ...(port === null ? {} : { PORT: `${port}` }),
  };
}

/** The supervisor's own times, in step with the platform's. What is no number is the supervisor's to complain about. */
function shortened(config: ConfigVars, timeScale: number): ConfigVars {
  const stop = Number(config.SUPERVISE_STOP_TIMEOUT ?? STOP_SECONDS) / timeScale;
  const start = Number(config.SUPERVISE_START_TIMEOUT ?? START_SECONDS) / timeScale;
  return {
    STAND_IN_TIME_SCALE: `${timeScale}`,
    ...(Number.isNaN(stop) ? {} : { SUPERVISE_STOP_TIMEOUT: Math.max(STOP_LEAST_SECONDS, stop).toFixed(3) }),
    ...(Number.isNaN(start) ? {} : { SUPERVISE_START_TIMEOUT: start.toFixed(3) }),
  };
}
