import { parseArgs } from 'node:util';
import { UsageError } from '../errors.ts';
import { parseBuildpacks } from './buildpacks.ts';
import { SIZES } from './rules.ts';
import type { LogPace } from './view.ts';

/** What the words after `mstdn-supervise dev` ask for. null: not said. */
export type DevOptions = {
  folder: string;
  /** Instead of the folder's own. */
  procfile: string | null;
  /** In their order, instead of those in app.json. */
  buildpacks: readonly string[] | null;
  /** Process types; everything else stays down. */
  only: readonly string[] | null;
  /** Process type -> number of dynos. */
  formation: ReadonlyMap<string, number>;
  size: string | null;
  quotaBytes: number | null;
  port: number | null;
  /** The stand-ins even in a checkout. */
  standIns: boolean;
  /** A checkout may use a database and a Redis of another machine. */
  allowRemoteData: boolean;
  page: boolean;
  timeScale: number;
  cycleEveryMs: number | null;
  logReader: LogPace;
  rehearse: boolean;
  /** Names of scenes; null: all. */
  scenes: readonly string[] | null;
  json: boolean;
  /** What the load of a rehearsal asks for; null: what every app of this kind answers. */
  path: string | null;
};

/** Above it our own times, in whole seconds at the least, no longer keep in step with the platform's. */
const SCALE_MOST = 15;

const WORDS = {
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
  scenes: { type: 'string' },
  json: { type: 'boolean' },
  path: { type: 'string' },
} as const;

/** @throws UsageError with every problem, a line each. */
export function parseDevOptions(words: readonly string[], scenes: readonly string[]): DevOptions {
  const values = valuesOf(words);
  const problems: string[] = [];
  const read = <T>(name: keyof typeof WORDS, parse: (text: string) => T | undefined, expected: string): T | null => {
    const text = values[name];
    if (typeof text !== 'string') return null;
    const value = parse(text);
    if (value === undefined) problems.push(`--${name} ${text}: expected ${expected}`);
    return value ?? null;
  };
  const options: DevOptions = {
    folder: read('dir', notEmpty, 'a folder') ?? '.',
    procfile: read('procfile', notEmpty, 'a file'),
    buildpacks: read('buildpacks', parseBuildpacks, 'buildpacks in their order, like heroku/ruby,heroku/nodejs'),
    only: read('only', names, 'process types, like web,worker'),
    formation: read('formation', formation, 'numbers of dynos, like web=1,worker=1') ?? new Map<string, number>(),
    size: read('size', (text) => (text.toLowerCase() in SIZES ? text.toLowerCase() : undefined), sizes()),
    quotaBytes: read('quota', bytes, 'an amount of memory like 512M or 1G, at least 16M'),
    port: read('port', port, 'a port from 1 to 65000'),
    standIns: values['stand-ins'] === true,
    allowRemoteData: values['allow-remote-data'] === true,
    page: values['no-page'] !== true,
    timeScale: read('time-scale', scale, `a number from 1 to ${SCALE_MOST}`) ?? 1,
    cycleEveryMs: read('cycle-every', duration, 'a time like 90s, 30m or 24h, from 1s to 24d'),
    logReader: read('log-reader', pace, 'full, slow or stalled') ?? 'full',
    rehearse: values.rehearse === true,
    scenes: read('scenes', (text) => known(text, scenes), `some of ${scenes.join(',')}`),
    json: values.json === true,
    path: read('path', (text) => (text.startsWith('/') ? text : undefined), 'a path like /about'),
  };
  if (!options.rehearse)
    for (const name of ['scenes', 'json', 'path'] as const) {
      if (values[name] !== undefined) problems.push(`--${name} goes with --rehearse`);
    }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return options;
}

function valuesOf(words: readonly string[]): Partial<Record<keyof typeof WORDS, string | boolean>> {
  try {
    return parseArgs({ args: [...words], options: WORDS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`dev: ${(error as Error).message.split('. ')[0] ?? ''}`);
  }
}

function notEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function names(text: string): string[] | undefined {
  const list = text.split(',').map((name) => name.trim());
  return list.every((name) => /^[\w-]+$/.test(name)) ? list : undefined;
}

function known(text: string, all: readonly string[]): string[] | undefined {
  const list = names(text);
  return list?.every((name) => all.includes(name)) === true ? list : undefined;
}

function formation(text: string): Map<string, number> | undefined {
  const items = text.split(',').map((item) => /^\s*([\w-]+)[=:](\d{1,2})\s*$/.exec(item));
  if (items.some((item) => item === null)) return undefined;
  return new Map(items.map((item) => [item?.[1] ?? '', Number(item?.[2])]));
}

function sizes(): string {
  return `one of ${Object.keys(SIZES).join(', ')}`;
}

/** `512M`, `1G`; bytes. */
export function bytes(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,12}(?:\.\d{1,3})?)([KMG]?)i?B?$/i.exec(text) ?? [];
  const factor = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[(unit ?? '').toUpperCase()] ?? NaN;
  const value = Math.round(Number(number) * factor);
  return value >= 16 * 2 ** 20 && value <= 2 ** 50 ? value : undefined;
}

function port(text: string): number | undefined {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  return value >= 1 && value <= 65_000 ? value : undefined;
}

function scale(text: string): number | undefined {
  const value = /^\d{1,2}(\.\d{1,2})?$/.test(text) ? Number(text) : NaN;
  return value >= 1 && value <= SCALE_MOST ? value : undefined;
}

function duration(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,7}(?:\.\d{1,3})?)([smhd]?)$/.exec(text) ?? [];
  const value = Number(number) * ({ '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[unit ?? ''] ?? NaN) * 1000;
  return value >= 1000 && value <= 24 * 86_400_000 ? value : undefined;
}

function pace(text: string): LogPace | undefined {
  return (['full', 'slow', 'stalled'] as const).find((name) => name === text);
}
