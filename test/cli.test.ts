import { describe, expect, test } from 'vitest';
import { parseCommandLine, USAGE, type CommandLine } from '../src/cli.ts';
import { EXIT, UsageError } from '../src/exit-status.ts';

const ALL = ['web', 'worker', 'release'] as const;

describe('parseCommandLine', () => {
  test('passes everything after dev on', () => {
    const words = ['--help', 'web', '--nonsense'];
    expect(parseCommandLine(['dev', ...words])).toEqual({ kind: 'dev', words });
  });

  test.each<[string, CommandLine]>([
    ['web', { kind: 'run', role: 'web', envFile: null }],
    ['worker', { kind: 'run', role: 'worker', envFile: null }],
    ['release', { kind: 'run', role: 'release', envFile: null }],
    ['web --env-file .env', { kind: 'run', role: 'web', envFile: '.env' }],
    ['--env-file .env web', { kind: 'run', role: 'web', envFile: '.env' }],
    ['web --env-file=.env', { kind: 'run', role: 'web', envFile: '.env' }],
    ['--env-file=a=b worker', { kind: 'run', role: 'worker', envFile: 'a=b' }],
    ['web --env-file web', { kind: 'run', role: 'web', envFile: 'web' }],
    ['web --env-file a --env-file b', { kind: 'run', role: 'web', envFile: 'b' }],
    ['plan', { kind: 'plan', roles: ALL, json: false, envFile: null }],
    ['plan web', { kind: 'plan', roles: ['web'], json: false, envFile: null }],
    ['plan worker', { kind: 'plan', roles: ['worker'], json: false, envFile: null }],
    ['plan release', { kind: 'plan', roles: ['release'], json: false, envFile: null }],
    ['plan --json', { kind: 'plan', roles: ALL, json: true, envFile: null }],
    ['--json plan web', { kind: 'plan', roles: ['web'], json: true, envFile: null }],
    ['plan web --json --env-file x', { kind: 'plan', roles: ['web'], json: true, envFile: 'x' }],
    ['plan --json --json', { kind: 'plan', roles: ALL, json: true, envFile: null }],
    ['--help', { kind: 'help' }],
    ['-h', { kind: 'help' }],
    ['web --help', { kind: 'help' }],
    ['plan -h --json', { kind: 'help' }],
    ['nonsense --help', { kind: 'help' }],
    ['--version', { kind: 'version' }],
    ['web --version', { kind: 'version' }],
    ['--version --help', { kind: 'help' }],
  ])('%j', (line, command) => {
    expect(parseCommandLine(line.split(' '))).toEqual(command);
  });

  test.each([
    ['', 'expected web, worker, release, plan or dev'],
    ['--json', 'expected web, worker, release, plan or dev'],
    ['--env-file .env', 'expected web, worker, release, plan or dev'],
    ['Web', '"Web" is not a process type: expected web, worker or release'],
    ['streaming', '"streaming" is not a process type: expected web, worker or release'],
    ['help', '"help" is not a process type: expected web, worker or release'],
    ['plan plan', '"plan" is not a process type: expected web, worker or release'],
    ['plan streaming', '"streaming" is not a process type: expected web, worker or release'],
    ['web worker', 'web accepts no arguments; unexpected "worker"'],
    ['web plan', 'web accepts no arguments; unexpected "plan"'],
    ['plan web worker', 'plan accepts one process type; unexpected "worker"'],
    ['plan web worker release', 'plan accepts one process type; unexpected "worker release"'],
    ['web --json', '--json is only valid with plan'],
    ['release --json', '--json is only valid with plan'],
    ['web --env-file', '--env-file needs a file name'],
    ['web --env-file=', '--env-file needs a file name'],
    ['--verbose web', 'unknown option --verbose'],
    ['web -v', 'unknown option -v'],
    ['web --', 'unknown option --'],
    ['web -', 'unknown option -'],
    ['web --env-fil=x', 'unknown option --env-fil=x'],
    ['web --json=true', 'unknown option --json=true'],
    ['--help --nonsense', 'unknown option --nonsense'],
  ])('%j is a usage error', (line, message) => {
    const parse = (): CommandLine => parseCommandLine(line.split(' ').filter((word) => word !== ''));
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(expect.objectContaining({ message, code: 'SUPERVISE_USAGE' }));
  });

  test('an empty argument is no process type and no file name', () => {
    expect(() => parseCommandLine([''])).toThrow('"" is not a process type');
    expect(() => parseCommandLine(['web', '--env-file', ''])).toThrow('--env-file needs a file name');
  });
});

test('a usage error has the exit code of sysexits.h', () => {
  expect(EXIT.usage).toBe(64);
});

test.each(['web', 'worker', 'release', 'plan', '--env-file FILE', '--json', '--help', '--version', 'docs/settings.md'])(
  'the usage text mentions %s',
  (word) => {
    expect(USAGE).toContain(word);
  },
);

test('the lines of the usage text have at most 100 characters', () => {
  expect(USAGE.split('\n').filter((line) => line.length > 100)).toEqual([]);
});
