import { UsageError } from './errors.ts';

export type Role = 'web' | 'worker' | 'release';
export type Command =
  | { kind: 'run'; role: Role; envFile: string | null }
  | { kind: 'plan'; roles: readonly Role[]; json: boolean; envFile: string | null }
  | { kind: 'dev'; words: readonly string[] }
  | { kind: 'help' }
  | { kind: 'version' };

export const USAGE = `Usage: mstdn-supervise web|worker|release [--env-file FILE]
       mstdn-supervise plan [web|worker|release] [--json] [--env-file FILE]
       mstdn-supervise dev [--help] [OPTION...]

  web       puma, streaming or both, as RUN_STREAMING says; sidekiq beside them with RUN_WORKER=true
  worker    sidekiq
  release   database migrations, then what follows a good migration
  plan      what would run, without running it; all three without a name
  dev       the dynos of this folder's Procfile on a laptop, as a platform runs them; dev --help

  --env-file FILE   variables from FILE, never overriding what is set
  --json            the plan as data
  --help, --version

The settings are environment variables: see docs/settings.md.`;

const ROLES: readonly Role[] = ['web', 'worker', 'release'];

/** Words of the command line to a command. Throws UsageError. */
export function parseCommandLine(words: readonly string[]): Command {
  if (words[0] === 'dev') return { kind: 'dev', words: words.slice(1) };
  const { names, flags, envFile } = sortWords(words);
  if (flags.has('--help')) return { kind: 'help' };
  if (flags.has('--version')) return { kind: 'version' };
  const [first, second, ...rest] = names;
  if (first === undefined) throw new UsageError('expected web, worker, release, plan or dev');
  if (first === 'plan') {
    if (rest.length > 0) throw new UsageError(`plan takes one name, not also "${rest.join(' ')}"`);
    return { kind: 'plan', roles: second === undefined ? ROLES : [role(second)], json: flags.has('--json'), envFile };
  }
  if (second !== undefined) throw new UsageError(`${first} takes no further word: "${second}"`);
  if (flags.has('--json')) throw new UsageError('--json goes with plan');
  return { kind: 'run', role: role(first), envFile };
}

function role(word: string): Role {
  const found = ROLES.find((name) => name === word);
  if (found === undefined) throw new UsageError(`"${word}" is not a process type: expected web, worker or release`);
  return found;
}

function sortWords(words: readonly string[]): { names: string[]; flags: Set<string>; envFile: string | null } {
  const names: string[] = [];
  const flags = new Set<string>();
  let envFile: string | null = null;
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--env-file' || word.startsWith('--env-file=')) {
      const file = word.includes('=') ? word.slice(word.indexOf('=') + 1) : rest.shift();
      if (!file) throw new UsageError('--env-file needs the name of a file');
      envFile = file;
    } else if (word === '-h') flags.add('--help');
    else if (['--help', '--version', '--json'].includes(word)) flags.add(word);
    else if (word.startsWith('-')) throw new UsageError(`unknown option ${word}`);
    else names.push(word);
  }
  return { names, flags, envFile };
}
