import type { AppJson } from './app-json.ts';
import type { DevOptions } from './options.ts';
import type { Procfile } from './procfile.ts';
import { SIZES } from './rules.ts';

/** One dyno of the formation: what it is called, what it runs, how much memory it may have. */
export type DynoSpec = { name: string; type: string; command: string; quotaBytes: number };

const MEBIBYTE = 2 ** 20;
/** What a platform gives that is not told otherwise, in mebibytes. */
const DEFAULT_MEBIBYTES = 512;

type Wishes = Pick<DevOptions, 'only' | 'formation' | 'size' | 'quotaBytes'>;

/** The dynos that run, and every problem of what was asked for. As on the platform, a new app runs one web dyno and nothing
 * else until its formation says so; `release` is never part of it. */
export function makeFormation(
  procfile: Procfile,
  app: AppJson,
  wishes: Wishes,
): { dynos: readonly DynoSpec[]; problems: readonly string[]; notes: readonly string[] } {
  const types = [...procfile.keys()].filter((type) => type !== 'release');
  const problems = [...(wishes.only ?? []), ...wishes.formation.keys()]
    .filter((type) => !types.includes(type))
    .map((type) => `${type}: no such process type in the Procfile, which has ${types.join(', ') || 'none'}`);
  const dynos = types.flatMap((type) => {
    const count = quantity(type, app, wishes);
    const quotaBytes = quota(app.formation.get(type)?.size ?? null, wishes);
    const command = procfile.get(type) ?? '';
    return Array.from({ length: count }, (_, index) => ({ name: `${type}.${index + 1}`, type, command, quotaBytes }));
  });
  if (dynos.length === 0 && problems.length === 0)
    problems.push(`no dyno to run; start one: --formation ${first(types)}=1`);
  return { dynos, problems, notes: notesOn(types, app, wishes) };
}

/** What the formation of app.json says in vain. */
function notesOn(types: readonly string[], app: AppJson, { size, quotaBytes }: Wishes): string[] {
  return [...app.formation].flatMap(([type, wish]) => {
    if (!types.includes(type)) return [`app.json: formation.${type}: no such process type in the Procfile`];
    const isKnown = wish.size === null || wish.size.toLowerCase() in SIZES || size !== null || quotaBytes !== null;
    return isKnown
      ? []
      : [`app.json: size ${wish.size} of ${type} is not known here, 512M is taken; --quota says otherwise`];
  });
}

function quantity(type: string, app: AppJson, { only, formation }: Wishes): number {
  if (only !== null && !only.includes(type)) return 0;
  const listed = formation.get(type) ?? app.formation.get(type)?.quantity ?? (type === 'web' ? 1 : 0);
  return only === null || formation.has(type) ? listed : Math.max(1, listed);
}

function quota(size: string | null, wishes: Wishes): number {
  if (wishes.quotaBytes !== null) return wishes.quotaBytes;
  return (SIZES[(wishes.size ?? size ?? '').toLowerCase()] ?? DEFAULT_MEBIBYTES) * MEBIBYTE;
}

function first(types: readonly string[]): string {
  return types[0] ?? 'web';
}
