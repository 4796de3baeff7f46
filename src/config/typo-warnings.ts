import { type Environment, SETTINGS } from './settings.ts';

const KNOWN = Object.keys(SETTINGS);
/** Names of upstream's own that stand close to one of ours, or begin as ours do. */
const UPSTREAM = ['DB_PORT', 'DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASS', 'MIN_THREADS'];

/** Warnings about variables that will not do what they seem to say. */
export function typoWarnings(env: Environment): string[] {
  return [...switches(env), ...names(env), ...postDeployment(env)];
}

/** `RUN_WORKER=1`: set, meant as a yes, and not the one word that counts. */
function switches(env: Environment): string[] {
  const meant = (name: string, word: string, like: RegExp): string[] => {
    const value = env[name];
    if (!value || value === word || !like.test(bare(value))) return [];
    return [`${name}=${JSON.stringify(value)} is not "${word}" and counts as unset: did you mean ${name}=${word}?`];
  };
  const inline = /^in[-_ ]?lined?$/i;
  const onDemand = /^on[-_ ]?demand(ed)?$/i;
  const yes = /^(true|1|y|yes|on|t|enabled?)$/i;
  return [
    ...meant('RUN_STREAMING', 'true', yes),
    ...meant('RUN_STREAMING', 'inline', inline),
    ...meant('RUN_STREAMING', 'on-demand', onDemand),
    ...meant('RUN_WORKER', 'true', yes),
    ...meant('RUN_SCHEDULE', 'false', /^(false|0|n|no|off|f|disabled?)$/i),
  ];
}

/** Without blanks, and without the quotes that Docker's --env-file keeps. */
function bare(value: string): string {
  return value.trim().replace(/^(["'])(.*)\1$/, '$2');
}

function names(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => isAlike(name) && env[name] && !KNOWN.includes(name) && !UPSTREAM.includes(name))
    .flatMap((name) => {
      const closest = KNOWN.find((known) => isClose(name, known));
      if (closest !== undefined)
        return [`${name} is not a variable that anything here reads: did you mean ${closest}?`];
      return /^(RUN|SUPERVISE)_/.test(name)
        ? [`${name} is not a setting of mstdn-supervise: see docs/settings.md`]
        : [];
    });
}

function postDeployment(env: Environment): string[] {
  const value = env.SKIP_POST_DEPLOYMENT_MIGRATIONS;
  if (!value || !/^(false|0|no|off)$/i.test(value)) return [];
  return [`SKIP_POST_DEPLOYMENT_MIGRATIONS=${value}: Mastodon skips them when this is set to anything; unset it`];
}

const BEGINNINGS = new Set(KNOWN.map((known) => known.slice(0, 3)));
const ENDINGS = new Set(KNOWN.map((known) => known.slice(-4)));

/** The cheap question first: this is asked of every variable of an environment, on the way to the first child. */
function isAlike(name: string): boolean {
  return BEGINNINGS.has(name.slice(0, 3)) || ENDINGS.has(name.slice(-4));
}

/** One slip of the keyboard away, two side by side in a long name. Short names have too many neighbours. */
function isClose(name: string, known: string): boolean {
  const slips = known.length >= 12 ? 2 : known.length >= 7 ? 1 : 0;
  if (Math.abs(name.length - known.length) > slips) return false;
  let begin = 0;
  while (begin < known.length && name[begin] === known[begin]) begin += 1;
  let end = 0;
  while (end < Math.min(name.length, known.length) - begin && name.at(-1 - end) === known.at(-1 - end)) end += 1;
  const [instead, missing] = [name.slice(begin, name.length - end), known.slice(begin, known.length - end)];
  const swapped = missing.length === 2 && instead === `${missing.charAt(1)}${missing.charAt(0)}`;
  return Math.max(instead.length, missing.length) <= slips || (slips > 0 && swapped);
}
