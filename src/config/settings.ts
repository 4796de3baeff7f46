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
import { redact } from './shell-words.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const DAY_MS = 86_400_000;
/** With less, streaming would stop before a page that is being reloaded connects again. */
const MIN_IDLE_MS = 1000;
/** Well below the 25 s for which the router queues a request (src/router/limits.ts). Those include the boot of
 * streaming. */
const MAX_SETTLE_MS = 10_000;

/** Every variable that the program reads, in the order of the documentation. */
export const SETTINGS = {
  RUN_STREAMING: setting(
    exactlyOneOf(['true', 'inline', 'on-demand']),
    '',
    '`inline`: puma and streaming behind one port; `on-demand`: the same, but streaming runs only while a client uses it; `true`: this app runs streaming, without puma and migrations. Any other value: puma without streaming',
  ),
  RUN_WORKER: setting(exactly('true'), '', 'exactly `true`: the web dyno also runs sidekiq'),
  RUN_SCHEDULE: setting(
    anythingBut('false'),
    '',
    'exactly `false`: sidekiq serves all queues of config/sidekiq.yml except `scheduler`, with their weights. Any other value: all queues of config/sidekiq.yml',
  ),
  SIDEKIQ_THREADS: setting(wholeNumber(1, 999, 5), '5', 'number of threads of a sidekiq process'),
  SIDEKIQ_PROCESSES: setting(
    parseProcesses,
    '',
    'several sidekiq processes in one dyno, as `THREADS[:queue[,queue…]]` separated by spaces. `10 5:default` starts one process with 10 threads for all queues and one with 5 threads for `default`. `default*8` sets a weight. Overrides SIDEKIQ_THREADS',
  ),
  WEB_CONCURRENCY: setting(
    wholeNumber(0, 999, null),
    '0 if the memory quota is 512M or less, otherwise 2',
    'number of worker processes of puma; 0 runs puma as a single process',
  ),
  WEB_CONCURRENCY_SET_BY: setting(
    exactlyOneOf(['heroku/nodejs', 'scalingo/nodejs']),
    '',
    'set by buildpacks together with WEB_CONCURRENCY. If it is `heroku/nodejs` or `scalingo/nodejs`, WEB_CONCURRENCY counts as unset, and puma receives neither variable',
  ),
  MAX_THREADS: setting(wholeNumber(1, 999, null), '5', 'number of threads of a puma process'),
  PORT: setting(
    wholeNumber(1, 65535, null),
    '3000 for the router and puma, 4000 for streaming',
    'the port of the router, or of puma or streaming if there is no router; set by the platform',
  ),
  BIND: setting(
    anyText,
    'all IPv4 and IPv6 addresses for the router, 0.0.0.0 for puma and streaming',
    'the address on which the router listens, or puma or streaming if there is no router',
  ),
  SOCKET: setting(
    anyText,
    '',
    'a Unix socket on which puma or streaming listens instead of PORT and BIND; an error with the router, which gives each of them its own socket',
  ),
  DB_POOL: setting(
    wholeNumber(1, 999, null),
    'MAX_THREADS for puma, the number of threads for sidekiq, 10 for streaming',
    'size of the database connection pool of each process',
  ),
  PUMA_DB_POOL: setting(wholeNumber(1, 999, null), 'DB_POOL', 'DB_POOL for puma'),
  SIDEKIQ_DB_POOL: setting(wholeNumber(1, 999, null), 'DB_POOL', 'DB_POOL for each sidekiq process'),
  STREAMING_DB_POOL: setting(wholeNumber(1, 999, null), 'DB_POOL', 'DB_POOL for streaming'),
  PUMA_COMMAND: setting(
    command('bundle exec puma -C config/puma.rb'),
    '`bundle exec puma -C config/puma.rb`',
    'the command that starts puma; split into words as a shell would, but run without a shell',
  ),
  SIDEKIQ_COMMAND: setting(
    command('bundle exec sidekiq'),
    '`bundle exec sidekiq`',
    'the command that starts sidekiq; the options `-c`, `-t`, `-g` and `-q` are appended',
  ),
  STREAMING_COMMAND: setting(command('node ./streaming'), '`node ./streaming`', 'the command that starts streaming'),
  MIGRATE_COMMAND: setting(
    command('bundle exec rails db:migrate'),
    '`bundle exec rails db:migrate`',
    'the command that migrates the database',
  ),
  AFTER_MIGRATE_COMMAND: setting(
    command('bundle exec rails runner Rails.cache.clear'),
    '`bundle exec rails runner Rails.cache.clear`',
    'the command to run after a successful migration',
  ),
  SUPERVISE_STOP_TIMEOUT: setting(
    seconds(2, 3600, 30),
    '30',
    'seconds between the SIGTERM and the SIGKILL of the platform; all processes are stopped before the SIGKILL',
  ),
  SUPERVISE_START_TIMEOUT: setting(
    seconds(0, 3600, 45),
    '45',
    'seconds to wait for puma to become ready before sidekiq starts anyway; 0 starts both at once',
  ),
  SUPERVISE_ROUTER: setting(
    oneOf(['true', 'false'], null),
    '`true` if RUN_STREAMING is `inline` or `on-demand`, otherwise `false`',
    '`true`: the router listens on PORT before puma boots, and queues requests until puma is ready',
  ),
  SUPERVISE_STREAMING_IDLE: setting(
    duration(MIN_IDLE_MS, 7 * DAY_MS, 15 * 60_000),
    '`15m`',
    'with RUN_STREAMING=on-demand: how long streaming keeps running without an open connection, from `1s` to `7d`',
  ),
  SUPERVISE_STREAMING_SETTLE: setting(
    duration(0, MAX_SETTLE_MS, 500),
    '`500ms`',
    'how long the health check of streaming must succeed before streaming counts as ready, from `0s` to `10s`. The check succeeds before the Redis connection is ready: use a longer time if Redis is far away',
  ),
  ...MEMORY_SETTINGS,
  SUPERVISE_LOG_FORMAT: setting(
    oneOf(['json', 'pretty'], null),
    '`pretty` on a terminal, otherwise `json`',
    'format of the log lines of the supervisor: `json` or `pretty`',
  ),
  SUPERVISE_LOG_LEVEL: setting(
    oneOf(['debug', 'info', 'warn', 'error'], 'info'),
    '`info`',
    'log level of the supervisor: `debug`, `info`, `warn` or `error`',
  ),
  SUPERVISE_LOG_PREFIX: setting(
    oneOf(['true', 'false'], 'false'),
    '`false`',
    '`true`: each output line of a child process gets a prefix such as `puma |`; lines stay whole up to 1 MiB. Every line is then copied through the supervisor, and the child processes cannot open /dev/stdout, because it is a socket',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
export type Settings = { readonly [N in SettingName]: ValueOf<(typeof SETTINGS)[N]> };

/** problems: one line for each invalid variable, with its value and what was expected. An invalid variable has its
 * default in `settings`, so that the rest can be checked, too. */
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
  // Only these two markers prove that a buildpack chose the value. With SENSIBLE_DEFAULTS, heroku/ruby adds its marker
  // to a value that the user has set.
  if (values.WEB_CONCURRENCY_SET_BY !== null) {
    values.WEB_CONCURRENCY = null;
    problems.delete('WEB_CONCURRENCY');
  }
  return { env, settings: values as Settings, problems: [...problems.values()] };
}
