import type { DevOptions } from '../options.ts';
import { SIZES } from './rules.ts';

/** Process type -> command, in file order. */
type Procfile = ReadonlyMap<string, string>;

/** Parses a Procfile and collects every problem with its line number. Lines that begin with `#` are comments. The
 * platform silently ignores a line without `type: command`, which loses a process type; here it is a problem. */
export function parseProcfile(text: string): { types: Procfile; problems: readonly string[] } {
  const types = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, type, command] = /^([\w-]+)\s*:\s*(.*)$/.exec(line) ?? [];
    const where = `Procfile, line ${index + 1}`;
    if (type === undefined) problems.push(`${where}: expected "type: command", like "web: mstdn-supervise web"`);
    else if (command === undefined || command === '') problems.push(`${where}: ${type} has no command`);
    else if (types.has(type)) problems.push(`${where}: ${type} is defined twice`);
    else types.set(type, command);
  }
  if (types.size === 0 && problems.length === 0) problems.push('Procfile: no process type found');
  return { types, problems };
}

/** The parts of an app.json that concern dynos and config vars. */
export type AppJson = {
  formation: ReadonlyMap<string, { quantity: number; size: string | null }>;
  /** Variables with a value. */
  env: Readonly<Record<string, string>>;
  /** Variables to generate: `"generator": "secret"`. */
  secrets: readonly string[];
  /** Variables without a value that must be set elsewhere. */
  required: readonly string[];
  /** Names or URLs, in order. */
  buildpacks: readonly string[];
};

export const NO_APP_JSON: AppJson = { formation: new Map(), env: {}, secrets: [], required: [], buildpacks: [] };

/** Parses the relevant part of an app.json and collects every problem. */
export function parseAppJson(text: string): { app: AppJson; problems: readonly string[] } {
  const problems: string[] = [];
  const json = parseObject(text);
  if (typeof json === 'string') return { app: NO_APP_JSON, problems: [`app.json: ${json}`] };
  if (json.formation !== undefined && !isObject(json.formation))
    problems.push('app.json: formation: expected an object');
  const formation = Object.entries(asObject(json.formation)).flatMap(([type, entry]) => {
    const { quantity = 1, size = null } = asObject(entry);
    const isGood = isObject(entry) && isQuantity(quantity) && (size === null || typeof size === 'string');
    if (!isGood) problems.push(`app.json: formation.${type}: expected {"quantity": 1, "size": "basic"}`);
    return isGood ? [[type, { quantity: Number(quantity), size }] as const] : [];
  });
  const buildpacks = buildpacksOf(json.buildpacks);
  if (buildpacks === null)
    problems.push('app.json: buildpacks: expected a list like [{"url": "heroku/nodejs"}, {"url": "heroku/ruby"}]');
  const app = { formation: new Map(formation), ...configVarsOf(json.env), buildpacks: buildpacks ?? [] };
  return { app, problems };
}

/** null: not a list of buildpacks. */
function buildpacksOf(value: unknown): string[] | null {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return null;
  const urls = value.map((buildpack) => asObject(buildpack).url);
  return urls.every((url) => typeof url === 'string') ? urls : null;
}

/** The same limit as --formation. */
const MAX_QUANTITY = 99;

function isQuantity(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_QUANTITY;
}

function configVarsOf(json: unknown): Pick<AppJson, 'env' | 'secrets' | 'required'> {
  const [values, secrets, required]: [[string, string][], string[], string[]] = [[], [], []];
  for (const [name, entry] of Object.entries(asObject(json))) {
    const { value, generator, required: isRequired } = asObject(typeof entry === 'string' ? { value: entry } : entry);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      values.push([name, `${value}`]);
    else if (generator === 'secret') secrets.push(name);
    else if (isRequired !== false) required.push(name);
  }
  return { env: Object.fromEntries(values), secrets, required };
}

function parseObject(text: string): Record<string, unknown> | string {
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return isObject(json) ? { ...json } : 'expected an object';
  } catch (error) {
    return (error as Error).message;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? { ...value } : {};
}

/** One dyno of the formation. */
export type DynoSpec = { name: string; type: string; command: string; quotaBytes: number };

const MEBIBYTE = 2 ** 20;
/** The platform's default size, in MiB. */
const DEFAULT_MEBIBYTES = 512;

type FormationOptions = Pick<DevOptions, 'only' | 'formation' | 'size' | 'quotaBytes'>;

/** The dynos to run, and every problem of the request. As on the platform, a new app runs one web dyno and nothing else
 * until its formation changes. `release` is never part of it. */
export function makeFormation(
  procfile: Procfile,
  app: AppJson,
  options: FormationOptions,
): { dynos: readonly DynoSpec[]; problems: readonly string[]; notes: readonly string[] } {
  const types = [...procfile.keys()].filter((type) => type !== 'release');
  const problems = [...(options.only ?? []), ...options.formation.keys()]
    .filter((type) => !types.includes(type))
    .map((type) => `${type}: no such process type in the Procfile, which has ${types.join(', ') || 'none'}`);
  const dynos = types.flatMap((type) => {
    const count = quantity(type, app, options);
    const quotaBytes = quota(app.formation.get(type)?.size ?? null, options);
    const command = procfile.get(type) ?? '';
    return Array.from({ length: count }, (_, index) => ({ name: `${type}.${index + 1}`, type, command, quotaBytes }));
  });
  if (dynos.length === 0 && problems.length === 0)
    problems.push(`no dyno to run; start one with --formation ${types[0] ?? 'web'}=1`);
  return { dynos, problems, notes: formationNotes(types, app, options) };
}

/** Entries of app.json's formation that have no effect. */
function formationNotes(types: readonly string[], app: AppJson, { size, quotaBytes }: FormationOptions): string[] {
  return [...app.formation].flatMap(([type, entry]) => {
    if (!types.includes(type)) return [`app.json: formation.${type}: no such process type in the Procfile`];
    const isKnown = entry.size === null || entry.size.toLowerCase() in SIZES || size !== null || quotaBytes !== null;
    return isKnown ? [] : [`app.json: size ${entry.size} of ${type} is unknown, using 512M; set another with --quota`];
  });
}

function quantity(type: string, app: AppJson, { only, formation }: FormationOptions): number {
  if (only !== null && !only.includes(type)) return 0;
  const listed = formation.get(type) ?? app.formation.get(type)?.quantity ?? (type === 'web' ? 1 : 0);
  return only === null || formation.has(type) ? listed : Math.max(1, listed);
}

function quota(size: string | null, options: FormationOptions): number {
  if (options.quotaBytes !== null) return options.quotaBytes;
  return (SIZES[(options.size ?? size ?? '').toLowerCase()] ?? DEFAULT_MEBIBYTES) * MEBIBYTE;
}
