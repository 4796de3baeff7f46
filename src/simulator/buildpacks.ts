import type { ConfigVars } from './config-vars.ts';

/** A buildpack whose profile script sets WEB_CONCURRENCY. */
export type ConcurrencyScript = 'heroku/nodejs' | 'scalingo/nodejs';

const MEBIBYTE = 2 ** 20;
/** In MB: the script assumes no more than the largest dyno has. */
const MOST_MEMORY = 129_024;
/** In MB: a dyno with more than this gets fewer, larger processes. */
const LARGE_DYNO = 16_384;
/** The script takes a larger result as a sign that this is not Heroku, and sets 1. */
const MOST_PROCESSES = 200;

/** Buildpacks that write .profile.d/WEB_CONCURRENCY.sh, with the marker that the script exports; null: it is empty. */
const WRITERS: readonly (readonly [name: RegExp, script: ConcurrencyScript | null])[] = [
  [/(^|[/:])heroku\/(heroku-buildpack-)?nodejs$/, 'heroku/nodejs'],
  [/(^|[/:])scalingo\/nodejs(-buildpack)?$/, 'scalingo/nodejs'],
  [/(^|[/:])heroku\/(heroku-buildpack-)?ruby$/, null],
];

/** The script in the slug after these buildpacks, names (`heroku/nodejs`) or URLs, have run in this order. Each one
 * overwrites the file of the one before. */
export function findConcurrencyScript(buildpacks: readonly string[]): ConcurrencyScript | null {
  const written = buildpacks.flatMap((buildpack) => {
    const writer = WRITERS.find(([name]) => name.test(withoutSuffix(buildpack)));
    return writer === undefined ? [] : [writer[1]];
  });
  return written.at(-1) ?? null;
}

/** What that script exports in a dyno of this size. It does not override what is set. */
export function concurrencyVars(script: ConcurrencyScript | null, config: ConfigVars, quotaBytes: number): ConfigVars {
  if (script === null) return {};
  const memory = config.MEMORY_AVAILABLE ?? `${Math.min(Math.floor(quotaBytes / MEBIBYTE), MOST_MEMORY)}`;
  const perProcess = config.WEB_MEMORY ?? (Number(memory) > LARGE_DYNO ? '2048' : '512');
  const sizes = { MEMORY_AVAILABLE: memory, WEB_MEMORY: perProcess };
  if (config.WEB_CONCURRENCY) return sizes;
  const processes = Math.floor(Number(memory) / Number(perProcess));
  const isUsable = processes >= 1 && processes <= MOST_PROCESSES;
  return { ...sizes, WEB_CONCURRENCY: `${isUsable ? processes : 1}`, WEB_CONCURRENCY_SET_BY: script };
}

/** `heroku/nodejs,heroku/ruby`; undefined where an item is neither a name nor a URL. */
export function parseBuildpacks(text: string): string[] | undefined {
  const list = text.split(',').map((item) => item.trim());
  return list.every(isBuildpack) ? list : undefined;
}

function isBuildpack(text: string): boolean {
  return /^[\w.-]+\/[\w.-]+$/.test(text) || /^(https?|git|urn):\S+$/.test(text);
}

/** Without the version of a URL (`#v1`) and the kind of file. */
function withoutSuffix(buildpack: string): string {
  return buildpack
    .toLowerCase()
    .replace(/#.*$/, '')
    .replace(/\.(git|tgz)$/, '');
}
