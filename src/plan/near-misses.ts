import { SETTINGS, type Environment } from './settings.ts';

const KNOWN = Object.keys(SETTINGS);
/** Names of upstream's own that stand close to one of ours, or begin as ours do. */
const UPSTREAM = ['DB_PORT', 'DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASS', 'MIN_THREADS'];

/** Warnings about variables that will not do what they seem to say. */
export function nearMisses(env: Environment): string[] {
  return [...switches(env), ...names(env), ...postDeployment(env)];
}

/** `RUN_WORKER=1`: set, meant as a yes, and not the one word that counts. */
function switches(env: Environment): string[] {
  const meant = (name: string, word: string, like: RegExp): string[] => {
    const value = env[name];
    if (!value || value === word || !like.test(bare(value))) return [];
    return [`${name}=${JSON.stringify(value)} is not "${word}" and counts as unset: did you mean ${name}=${word}?`];
  };
  const yes = /^(true|1|y|yes|on|t|enabled?)$/i;
  return [
    ...meant('RUN_STREAMING', 'true', yes),
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
    .filter((name) => env[name] && !KNOWN.includes(name) && !UPSTREAM.includes(name))
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

/** One slip of the keyboard away; two in a long name. Short names have too many neighbours. */
function isClose(name: string, known: string): boolean {
  const slips = known.length >= 12 ? 2 : known.length >= 7 ? 1 : 0;
  // The cheap question first: counting edits for every variable of an environment would wake the optimizing compiler,
  // which alone takes 3 MB.
  if (name.slice(0, 3) !== known.slice(0, 3) && name.slice(-4) !== known.slice(-4)) return false;
  return Math.abs(name.length - known.length) <= slips && distance(name, known) <= slips;
}

/** Edits (insert, delete, replace) from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of from.split('').entries()) {
    const next = [index + 1];
    for (const [column, other] of to.split('').entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
