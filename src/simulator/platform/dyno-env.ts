import type { ConfigVars } from './config-vars.ts';

type DynoEnvOptions = {
  name: string;
  /** null for the release dyno. */
  port: number | null;
  quotaBytes: number;
  timeScale: number;
  /** The dyno's private folder for temporary files. */
  scratch: string;
  /** Prepended to PATH. */
  folders: readonly string[];
  /** Only for stand-ins: their options and the URL of the pretend database. */
  standIns: ConfigVars;
  /** The buildpack whose profile script sets WEB_CONCURRENCY, or null. */
  concurrencyScript: ConcurrencyScript | null;
};

const DEFAULT_STOP_SECONDS = 30;
const DEFAULT_START_SECONDS = 45;
const MIN_STOP_SECONDS = 2;

/** The environment of one dyno: the config vars and the platform's variables. SUPERVISE_MEMORY_QUOTA is set because the
 * simulated dyno has no cgroup. BIND is the loopback, so that the laptop does not listen on every address. Logs use the
 * pretty format for the terminal. */
export function dynoEnv(config: ConfigVars, place: DynoEnvOptions): Record<string, string> {
  const { name, port, quotaBytes, timeScale, scratch, folders, standIns, concurrencyScript } = place;
  const path = [...folders, config.PATH ?? '/usr/bin:/bin'].join(':');
  return {
    BIND: '127.0.0.1',
    SUPERVISE_MEMORY_QUOTA: `${quotaBytes}`,
    SUPERVISE_LOG_FORMAT: 'pretty',
    ...standIns,
    ...config,
    ...concurrencyVars(concurrencyScript, config, quotaBytes),
    ...(timeScale === 1 ? {} : scaledTimeouts(config, timeScale)),
    PATH: path,
    TMPDIR: scratch,
    DYNO: name,
    ...(port === null ? {} : { PORT: `${port}` }),
  };
}

/** The supervisor's own timeouts, scaled like the platform's. Invalid values stay, so that the supervisor reports
 * them. */
function scaledTimeouts(config: ConfigVars, timeScale: number): ConfigVars {
  const stop = Number(config.SUPERVISE_STOP_TIMEOUT ?? DEFAULT_STOP_SECONDS);
  const start = Number(config.SUPERVISE_START_TIMEOUT ?? DEFAULT_START_SECONDS);
  const leastStop = Math.max(MIN_STOP_SECONDS, stop / timeScale);
  return {
    STAND_IN_TIME_SCALE: `${timeScale}`,
    ...(stop >= MIN_STOP_SECONDS ? { SUPERVISE_STOP_TIMEOUT: leastStop.toFixed(3) } : {}),
    ...(start >= 0 ? { SUPERVISE_START_TIMEOUT: (start / timeScale).toFixed(3) } : {}),
  };
}

/** A buildpack whose profile script sets WEB_CONCURRENCY. */
export type ConcurrencyScript = 'heroku/nodejs' | 'scalingo/nodejs';

const MEBIBYTE = 2 ** 20;
/** The script assumes at most the memory of the largest dyno. */
const MAX_MEMORY_MB = 129_024;
/** A dyno with more memory gets fewer, larger processes. */
const LARGE_DYNO_MB = 16_384;
/** The script takes a larger result as a sign that this is not Heroku, and sets 1. */
const MAX_PROCESSES = 200;

/** Buildpacks that write .profile.d/WEB_CONCURRENCY.sh, with the marker that the script exports. null: the file is
 * empty. */
const WRITERS: readonly (readonly [name: RegExp, script: ConcurrencyScript | null])[] = [
  [/(^|[/:])heroku\/(heroku-buildpack-)?nodejs$/, 'heroku/nodejs'],
  [/(^|[/:])scalingo\/nodejs(-buildpack)?$/, 'scalingo/nodejs'],
  [/(^|[/:])heroku\/(heroku-buildpack-)?ruby$/, null],
];

/** The script in the slug after these buildpacks (names or URLs) have run in this order. Each overwrites the file of
 * the one before. */
export function findConcurrencyScript(buildpacks: readonly string[]): ConcurrencyScript | null {
  const written = buildpacks.flatMap((buildpack) => {
    const writer = WRITERS.find(([name]) => name.test(withoutSuffix(buildpack)));
    return writer === undefined ? [] : [writer[1]];
  });
  return written.at(-1) ?? null;
}

/** The variables that the script exports in a dyno of this size. It does not override set variables. */
export function concurrencyVars(script: ConcurrencyScript | null, config: ConfigVars, quotaBytes: number): ConfigVars {
  if (script === null) return {};
  const memory = config.MEMORY_AVAILABLE ?? `${Math.min(Math.floor(quotaBytes / MEBIBYTE), MAX_MEMORY_MB)}`;
  const perProcess = config.WEB_MEMORY ?? (Number(memory) > LARGE_DYNO_MB ? '2048' : '512');
  const sizes = { MEMORY_AVAILABLE: memory, WEB_MEMORY: perProcess };
  if (config.WEB_CONCURRENCY) return sizes;
  const processes = Math.floor(Number(memory) / Number(perProcess));
  const isUsable = processes >= 1 && processes <= MAX_PROCESSES;
  return { ...sizes, WEB_CONCURRENCY: `${isUsable ? processes : 1}`, WEB_CONCURRENCY_SET_BY: script };
}

/** Without a URL's version (`#v1`) and file extension. */
function withoutSuffix(buildpack: string): string {
  return buildpack
    .toLowerCase()
    .replace(/#.*$/, '')
    .replace(/\.(git|tgz)$/, '');
}
