import { MEMORY_SETTINGS } from './memory-settings.ts';
import {
  anyText,
  anythingBut,
  command,
  duration,
  exactly,
  exactlyOneOf,
  oneOf,
  seconds,
  setting,
  type Setting,
  wholeNumber,
} from './parsers.ts';
import { parseProcesses } from './queues.ts';
import { redact } from './redact.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const DAY_MS = 86_400_000;
/** With less, nobody's page could be loaded again before streaming is stopped. */
const LEAST_IDLE_MS = 1000;
/** Well below the 25 s for which the router holds a request (src/router/limits.ts): streaming's boot is part of them. */
const LONGEST_SETTLE_MS = 10_000;

/** Every variable that we read, in the order of the documentation. */
export const SETTINGS = {
  RUN_STREAMING: setting(
    exactlyOneOf(['true', 'inline', 'on-demand']),
    '',
    'exactly one of three words. `inline`: puma and streaming behind one port; `on-demand`: the same, with streaming only while somebody wants it; `true`: this app runs streaming, and neither puma nor migrations. Anything else: puma without streaming',
  ),
  RUN_WORKER: setting(exactly('true'), '', 'exactly `true`: sidekiq runs in the web dyno as well'),
  RUN_SCHEDULE: setting(
    anythingBut('false'),
    '',
    'exactly `false`: sidekiq takes all queues of config/sidekiq.yml, weights kept, but `scheduler`. Unset or `true`: as sidekiq.yml says',
  ),
  SIDEKIQ_THREADS: setting(wholeNumber(1, 999, 5), '5', 'threads of a sidekiq process'),
  SIDEKIQ_PROCESSES: setting(
    parseProcesses,
    '',
    'several sidekiq processes in one dyno, `THREADS[:queue[,queue…]]` separated by spaces: `10 5:default` is one for all queues with 10 threads and one for `default` with 5. Weights as `default*8`. Overrides SIDEKIQ_THREADS',
  ),
  WEB_CONCURRENCY: setting(
    wholeNumber(0, 999, null),
    "0 where the quota is 512M or less, else puma's: 2",
    'worker processes of puma; 0 is a single process',
  ),
  WEB_CONCURRENCY_SET_BY: setting(
    exactlyOneOf(['heroku/nodejs', 'scalingo/nodejs']),
    '',
    'set by buildpacks beside WEB_CONCURRENCY. With `heroku/nodejs` or `scalingo/nodejs` that value counts as unset, and puma gets neither variable',
  ),
  MAX_THREADS: setting(wholeNumber(1, 999, null), "puma's: 5", 'threads of a puma process'),
  PORT: setting(
    wholeNumber(1, 65535, null),
    'the router and puma 3000, streaming 4000',
    'where the router listens, or puma or streaming where there is no router; set by the platform',
  ),
  BIND: setting(
    anyText,
    'the router every address, those of IPv6 as well; puma and streaming 0.0.0.0',
    'the address on which the router listens, or puma or streaming where there is no router',
  ),
  SOCKET: setting(
    anyText,
    '',
    'a unix socket on which puma or streaming listens instead of PORT and BIND; not where there is a router, which gives each a socket of its own',
  ),
  DB_POOL: setting(
    wholeNumber(1, 999, null),
    'puma MAX_THREADS, sidekiq its threads, streaming 10',
    'database connections of each process',
  ),
  PUMA_DB_POOL: setting(wholeNumber(1, 999, null), 'DB_POOL', 'DB_POOL of puma'),
  SIDEKIQ_DB_POOL: setting(wholeNumber(1, 999, null), 'DB_POOL', 'DB_POOL of each sidekiq process'),
  STREAMING_DB_POOL: setting(wholeNumber(1, 999, null), 'DB_POOL', 'DB_POOL of streaming'),
  PUMA_COMMAND: setting(
    command('bundle exec puma -C config/puma.rb'),
    '`bundle exec puma -C config/puma.rb`',
    'the command of puma; split into words as a shell would, never run by a shell',
  ),
  SIDEKIQ_COMMAND: setting(
    command('bundle exec sidekiq'),
    '`bundle exec sidekiq`',
    'the command of sidekiq; `-c`, `-t`, `-g` and `-q` are added to it',
  ),
  STREAMING_COMMAND: setting(command('node ./streaming'), '`node ./streaming`', 'the command of streaming'),
  MIGRATE_COMMAND: setting(
    command('bundle exec rails db:migrate'),
    '`bundle exec rails db:migrate`',
    'the command of the migration',
  ),
  AFTER_MIGRATE_COMMAND: setting(
    command('bundle exec rails runner Rails.cache.clear'),
    '`bundle exec rails runner Rails.cache.clear`',
    'the command after a good migration',
  ),
  SUPERVISE_STOP_TIMEOUT: setting(
    seconds(2, 3600, 30),
    '30',
    'the seconds that the platform gives from its TERM to its KILL; everything has ended before',
  ),
  SUPERVISE_START_TIMEOUT: setting(
    seconds(0, 3600, 45),
    '45',
    'seconds to wait for puma before sidekiq starts anyway; 0 starts both at once',
  ),
  SUPERVISE_ROUTER: setting(
    oneOf(['true', 'false'], null),
    '`true` with RUN_STREAMING `inline` or `on-demand`, else `false`',
    '`true`: the router listens on PORT before puma boots, and holds requests until puma answers',
  ),
  SUPERVISE_STREAMING_IDLE: setting(
    duration(LEAST_IDLE_MS, 7 * DAY_MS, 15 * 60_000),
    '`15m`',
    'with RUN_STREAMING=on-demand: the time without an open connection after which streaming is stopped, from `1s` to `7d`',
  ),
  SUPERVISE_STREAMING_SETTLE: setting(
    duration(0, LONGEST_SETTLE_MS, 500),
    '`500ms`',
    'how long the health check of streaming must have answered before streaming counts as ready, from `0s` to `10s`. Streaming answers it before its Redis connection is ready: set it higher where Redis is far away',
  ),
  ...MEMORY_SETTINGS,
  SUPERVISE_LOG_FORMAT: setting(
    oneOf(['json', 'pretty'], null),
    '`pretty` on a terminal, else `json`',
    'how our own lines look: `json` or `pretty`',
  ),
  SUPERVISE_LOG_LEVEL: setting(
    oneOf(['debug', 'info', 'warn', 'error'], 'info'),
    '`info`',
    'the level of our own lines: `debug`, `info`, `warn` or `error`',
  ),
  SUPERVISE_LOG_PREFIX: setting(
    oneOf(['true', 'false'], 'false'),
    '`false`',
    "`true`: the children's lines get a `puma |` prefix, whole up to 1 MiB; costs a copy of each line, and the children get a socket for stdout, which they cannot open as /dev/stdout",
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
export type Settings = { readonly [N in SettingName]: ValueOf<(typeof SETTINGS)[N]> };

/** An environment and what it sets. `problems` names every wrong variable, its value and what was expected; a wrong variable has its
 * default in `settings`, so that the rest can be checked as well. */
export type Config = { env: Environment; settings: Settings; problems: readonly string[] };

/** An empty variable counts as unset. */
export function readSettings(env: Environment): Config {
  const problems = new Map<SettingName, string>();
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const { parse } = SETTINGS[name];
    const parsed = parse(env[name] || null);
    if ('expected' in parsed) {
      problems.set(name, `${name}=${JSON.stringify(redact(env[name] ?? ''))}: expected ${parsed.expected}`);
    }
    values[name] = 'value' in parsed ? parsed.value : (parse(null) as { value: unknown }).value;
  }
  // Only these markers prove that the value is not the user's: under SENSIBLE_DEFAULTS heroku/ruby adds its own to one.
  if (values.WEB_CONCURRENCY_SET_BY !== null) {
    values.WEB_CONCURRENCY = null;
    problems.delete('WEB_CONCURRENCY');
  }
  return { env, settings: values as Settings, problems: [...problems.values()] };
}
