import { parseArgs } from 'node:util';
import { UsageError } from '../exit-status.ts';
import { LOG_PACES } from './action.ts';
import { SIZES } from './platform/rules.ts';

export const DEV_USAGE = `Usage: mstdn-supervise dev [OPTION...]

Runs the dynos of a folder's Procfile, app.json and .env on this machine, as the platform would. A Mastodon checkout
runs its real commands. Any other folder runs small stand-ins, which need no Ruby, Redis or database.

  --dir FOLDER             the app's folder (default: this folder)
  --procfile FILE          replaces the folder's own
  --buildpacks heroku/ruby,heroku/nodejs   in this order, replacing those in app.json
  --stand-ins              use the stand-ins even in a checkout
  --allow-remote-data      run a checkout on a database or Redis of another machine: migrations and jobs run there
  --only web,worker        run only these process types
  --formation web=1,worker=1   the number of dynos of each
  --size standard-2x       the dynos' type: eco, basic, standard-1x, standard-2x, performance-m, performance-l
  --quota 512M             their memory, overrides the type
  --port 5006              the app's port; the page uses the next one, then the dynos
  --no-page                do not serve the page
  --log-reader slow        how the platform reads what dynos print: full, slow, stalled
  --cycle-every 10m        restart dynos this often instead of once a day
  --time-scale 10          divide the platform's times by this factor, up to 15
  --rehearse               run scenarios unattended and print verdicts; exit code 1 if one is bad
  --scenarios boot,deploy  only these scenarios
  --path /about            the path that the rehearsal's load requests
  --json                   print the verdicts as JSON
`;

/** Above this scale, the supervisor's own timeouts (at least a whole second) no longer match the platform's. */
const MAX_TIME_SCALE = 15;
const SIZE_NAMES = `one of ${Object.keys(SIZES).join(', ')}`;

const OPTIONS = {
  dir: { type: 'string' },
  procfile: { type: 'string' },
  buildpacks: { type: 'string' },
  only: { type: 'string' },
  formation: { type: 'string' },
  size: { type: 'string' },
  quota: { type: 'string' },
  port: { type: 'string' },
  'stand-ins': { type: 'boolean' },
  'allow-remote-data': { type: 'boolean' },
  'no-page': { type: 'boolean' },
  'time-scale': { type: 'string' },
  'cycle-every': { type: 'string' },
  'log-reader': { type: 'string' },
  rehearse: { type: 'boolean' },
  scenarios: { type: 'string' },
  json: { type: 'boolean' },
  path: { type: 'string' },
} as const;

/** The command line options of `mstdn-supervise dev`. null: the option was not given. */
export type DevOptions = ReturnType<typeof parseDevOptions>;

/** @throws UsageError with one line for each problem. */
export function parseDevOptions(args: readonly string[], scenarios: readonly string[]) {
  const values = valuesOf(args);
  const problems: string[] = [];
  const read = <T>(name: keyof typeof OPTIONS, parse: (text: string) => T | undefined, expected: string): T | null => {
    const text = values[name];
    if (typeof text !== 'string') return null;
    const value = parse(text);
    if (value === undefined) problems.push(`--${name} ${text}: expected ${expected}`);
    return value ?? null;
  };
  const options = {
    folder: read('dir', nonEmpty, 'a folder') ?? '.',
    procfile: read('procfile', nonEmpty, 'a file'),
    buildpacks: read('buildpacks', parseBuildpacks, 'buildpacks in their order, like heroku/ruby,heroku/nodejs'),
    only: read('only', parseNames, 'process types, like web,worker'),
    formation: read('formation', parseFormation, 'numbers of dynos, like web=1,worker=1') ?? new Map<string, number>(),
    size: read('size', (text) => (text.toLowerCase() in SIZES ? text.toLowerCase() : undefined), SIZE_NAMES),
    quotaBytes: read('quota', parseBytes, 'an amount of memory like 512M or 1G, at least 16M'),
    port: read('port', parsePort, 'a port from 1 to 65000'),
    standIns: values['stand-ins'] === true,
    allowRemoteData: values['allow-remote-data'] === true,
    page: values['no-page'] !== true,
    timeScale: read('time-scale', parseScale, `a number from 1 to ${MAX_TIME_SCALE}`) ?? 1,
    cycleEveryMs: read('cycle-every', parseDuration, 'a time like 90s, 30m or 24h, from 1s to 24d'),
    logReader: read('log-reader', (text) => LOG_PACES.find((pace) => pace === text), 'full, slow or stalled') ?? 'full',
    rehearse: values.rehearse === true,
    scenarios: read('scenarios', (text) => list(text, scenarios), `some of ${scenarios.join(',')}`),
    json: values.json === true,
    path: read('path', (text) => (text.startsWith('/') ? text : undefined), 'a path like /about'),
  };
  if (!options.rehearse)
    for (const name of ['scenarios', 'json', 'path'] as const) {
      if (values[name] !== undefined) problems.push(`--${name} goes with --rehearse`);
    }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return options;
}

function valuesOf(args: readonly string[]): Partial<Record<keyof typeof OPTIONS, string | boolean>> {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`dev: ${(error as Error).message.split('. ')[0] ?? ''}`);
  }
}

function nonEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function parseNames(text: string): string[] | undefined {
  const list = text.split(',').map((name) => name.trim());
  return list.every((name) => /^[\w-]+$/.test(name)) ? list : undefined;
}

function list(text: string, all: readonly string[]): string[] | undefined {
  const list = parseNames(text);
  return list?.every((name) => all.includes(name)) === true ? list : undefined;
}

function parseFormation(text: string): Map<string, number> | undefined {
  const items = text.split(',').map((item) => /^\s*([\w-]+)[=:](\d{1,2})\s*$/.exec(item));
  if (items.some((item) => item === null)) return undefined;
  return new Map(items.map((item) => [item?.[1] ?? '', Number(item?.[2])]));
}

/** Parses `512M` or `1G` into bytes. */
export function parseBytes(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,12}(?:\.\d{1,3})?)([KMG]?)i?B?$/i.exec(text) ?? [];
  const factor = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[(unit ?? '').toUpperCase()] ?? NaN;
  const value = Math.round(Number(number) * factor);
  return value >= 16 * 2 ** 20 && value <= 2 ** 50 ? value : undefined;
}

/** The next two ports are for the page and the first dyno. */
export function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) ? upTo(65_000, Number(text)) : undefined;
}

function parseScale(text: string): number | undefined {
  return /^\d{1,2}(\.\d{1,2})?$/.test(text) ? upTo(MAX_TIME_SCALE, Number(text)) : undefined;
}

function upTo(most: number, value: number): number | undefined {
  return value >= 1 && value <= most ? value : undefined;
}

function parseDuration(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,7}(?:\.\d{1,3})?)([smhd]?)$/.exec(text) ?? [];
  const value = Number(number) * ({ '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[unit ?? ''] ?? NaN) * 1000;
  return value >= 1000 && value <= 24 * 86_400_000 ? value : undefined;
}

/** Parses `heroku/nodejs,heroku/ruby`. Returns undefined if an item is neither a name nor a URL. */
function parseBuildpacks(text: string): string[] | undefined {
  const list = text.split(',').map((item) => item.trim());
  return list.every(isBuildpack) ? list : undefined;
}

function isBuildpack(text: string): boolean {
  return /^[\w.-]+\/[\w.-]+$/.test(text) || /^(https?|git|urn):\S+$/.test(text);
}
