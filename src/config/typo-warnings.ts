import { type Environment, SETTINGS } from './settings.ts';

const SETTING_NAMES = Object.keys(SETTINGS);
/** Variables of Mastodon whose names are close to the name of a setting. */
const MASTODON_VARIABLES = ['DB_PORT', 'DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASS', 'MIN_THREADS'];

/** Warnings about variables that will not do what their name or value suggests. */
export function typoWarnings(env: Environment): string[] {
  return [...valueWarnings(env), ...nameWarnings(env), ...postDeploymentWarnings(env)];
}

/** Values such as `RUN_WORKER=1`, which look like the one word that counts. */
function valueWarnings(env: Environment): string[] {
  const lookalike = (name: string, word: string, pattern: RegExp): string[] => {
    const value = env[name];
    if (!value || value === word || !pattern.test(unquoted(value))) return [];
    return [`${name}=${JSON.stringify(value)} is not recognized and has no effect; did you mean ${name}=${word}?`];
  };
  const inline = /^in[-_ ]?lined?$/i;
  const onDemand = /^on[-_ ]?demand(ed)?$/i;
  const yes = /^(true|1|y|yes|on|t|enabled?)$/i;
  return [
    ...lookalike('RUN_STREAMING', 'true', yes),
    ...lookalike('RUN_STREAMING', 'inline', inline),
    ...lookalike('RUN_STREAMING', 'on-demand', onDemand),
    ...lookalike('RUN_WORKER', 'true', yes),
    ...lookalike('RUN_SCHEDULE', 'false', /^(false|0|n|no|off|f|disabled?)$/i),
  ];
}

/** Removes spaces, and the quotes that Docker's --env-file keeps. */
function unquoted(value: string): string {
  return value.trim().replace(/^(["'])(.*)\1$/, '$2');
}

function nameWarnings(env: Environment): string[] {
  return Object.keys(env)
    .filter(
      (name) => mayBeClose(name) && env[name] && !SETTING_NAMES.includes(name) && !MASTODON_VARIABLES.includes(name),
    )
    .flatMap((name) => {
      const closest = SETTING_NAMES.find((known) => isClose(name, known));
      if (closest !== undefined) return [`${name} is not a known variable; did you mean ${closest}?`];
      return /^(RUN|SUPERVISE)_/.test(name)
        ? [`${name} is not a setting of mstdn-supervise; see docs/settings.md`]
        : [];
    });
}

function postDeploymentWarnings(env: Environment): string[] {
  const value = env.SKIP_POST_DEPLOYMENT_MIGRATIONS;
  if (!value || !/^(false|0|no|off)$/i.test(value)) return [];
  return [
    `SKIP_POST_DEPLOYMENT_MIGRATIONS=${value}: Mastodon skips these migrations whatever the value is; unset the variable to run them`,
  ];
}

const BEGINNINGS = new Set(SETTING_NAMES.map((known) => known.slice(0, 3)));
const ENDINGS = new Set(SETTING_NAMES.map((known) => known.slice(-4)));

/** A cheap test to run first: every variable of the environment is checked before the first child starts. */
function mayBeClose(name: string): boolean {
  return BEGINNINGS.has(name.slice(0, 3)) || ENDINGS.has(name.slice(-4));
}

/** Differs by one typing error, or by two adjacent ones in a long name. Short names are close to too many other
 * names. */
function isClose(name: string, known: string): boolean {
  const maxErrors = known.length >= 12 ? 2 : known.length >= 7 ? 1 : 0;
  if (Math.abs(name.length - known.length) > maxErrors) return false;
  let begin = 0;
  while (begin < known.length && name[begin] === known[begin]) begin += 1;
  let end = 0;
  while (end < Math.min(name.length, known.length) - begin && name.at(-1 - end) === known.at(-1 - end)) end += 1;
  const [typed, meant] = [name.slice(begin, name.length - end), known.slice(begin, known.length - end)];
  const swapped = meant.length === 2 && typed === `${meant.charAt(1)}${meant.charAt(0)}`;
  return Math.max(typed.length, meant.length) <= maxErrors || (maxErrors > 0 && swapped);
}
