import { UsageError } from './exit-status.ts';

export type Role = 'web' | 'worker' | 'release';
export type CommandLine =
  | { kind: 'run'; role: Role; envFile: string | null }
  | { kind: 'plan'; roles: readonly Role[]; json: boolean; envFile: string | null }
  | { kind: 'dev'; words: readonly string[] }
  | { kind: 'help' }
  | { kind: 'version' };

export const USAGE = `Usage: mstdn-supervise web|worker|release [--env-file FILE]
       mstdn-supervise plan [web|worker|release] [--json] [--env-file FILE]
       mstdn-supervise dev [--help] [OPTION...]

  web       run puma, streaming or both (RUN_STREAMING), and sidekiq if RUN_WORKER=true
  worker    run sidekiq
  release   run the database migrations, then AFTER_MIGRATE_COMMAND
  plan      print what would run, without running it; without a process type, for all three
  dev       run the dynos of this folder's Procfile on this machine; see dev --help

  --env-file FILE   read variables from FILE; a variable that is already set keeps its value
  --json            print the plan as JSON
  --help, --version

The settings are environment variables: see docs/settings.md.`;

const ROLES: readonly Role[] = ['web', 'worker', 'release'];

/** Parses the arguments of the program.
 * @throws UsageError */
export function parseCommandLine(words: readonly string[]): CommandLine {
  if (words[0] === 'dev') return { kind: 'dev', words: words.slice(1) };
  const { names, flags, envFile } = separateOptions(words);
  if (flags.has('--help')) return { kind: 'help' };
  if (flags.has('--version')) return { kind: 'version' };
  const [first, second, ...rest] = names;
  if (first === undefined) throw new UsageError('expected web, worker, release, plan or dev');
  if (first === 'plan') {
    if (rest.length > 0) throw new UsageError(`plan accepts one process type; unexpected "${rest.join(' ')}"`);
    return {
      kind: 'plan',
      roles: second === undefined ? ROLES : [parseRole(second)],
      json: flags.has('--json'),
      envFile,
    };
  }
  if (second !== undefined) throw new UsageError(`${first} accepts no arguments; unexpected "${second}"`);
  if (flags.has('--json')) throw new UsageError('--json is only valid with plan');
  return { kind: 'run', role: parseRole(first), envFile };
}

function parseRole(word: string): Role {
  const role = ROLES.find((name) => name === word);
  if (role === undefined) throw new UsageError(`"${word}" is not a process type: expected web, worker or release`);
  return role;
}

function separateOptions(words: readonly string[]): { names: string[]; flags: Set<string>; envFile: string | null } {
  const names: string[] = [];
  const flags = new Set<string>();
  let envFile: string | null = null;
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--env-file' || word.startsWith('--env-file=')) {
      const file = word.includes('=') ? word.slice(word.indexOf('=') + 1) : rest.shift();
      if (!file) throw new UsageError('--env-file needs a file name');
      envFile = file;
    } else if (word === '-h') flags.add('--help');
    else if (['--help', '--version', '--json'].includes(word)) flags.add(word);
    else if (word.startsWith('-')) throw new UsageError(`unknown option ${word}`);
    else names.push(word);
  }
  return { names, flags, envFile };
}
