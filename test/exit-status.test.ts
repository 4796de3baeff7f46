import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { describeStatus, EXIT, toExitCode } from '../src/exit-status.ts';

const SIGNALS = Object.entries(constants.signals) as [NodeJS.Signals, number][];

describe('toExitCode', () => {
  test.each(Array.from({ length: 256 }, (_, code) => code))('%i stays', (code) => {
    expect(toExitCode({ kind: 'exited', code })).toBe(code);
  });

  test.each(SIGNALS)('%s is 128 + %i', (signal, number) => {
    const code = toExitCode({ kind: 'signaled', signal });
    expect(code).toBe(128 + number);
    expect(code).toBeLessThan(256);
  });

  test.each<[NodeJS.Signals, number]>([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
    ['SIGPIPE', 141],
    ['SIGTERM', 143],
  ])('%s is %i as everywhere', (signal, code) => {
    expect(toExitCode({ kind: 'signaled', signal })).toBe(code);
  });

  test.each([
    ['ENOENT', 127],
    ['EACCES', 126],
    ['EPERM', 126],
    ['ENOEXEC', 126],
    ['ENOMEM', 126],
    ['EAGAIN', 126],
    [undefined, 126],
  ])('a command that could not start for %s is %i', (code, expected) => {
    const error = Object.assign(new Error('no'), code === undefined ? {} : { code });
    expect(toExitCode({ kind: 'not-started', error })).toBe(expected);
  });
});

test('EXIT has the exit codes of the supervisor', () => {
  expect(EXIT).toEqual({
    ok: 0,
    unexpected: 1,
    usage: 64,
    internal: 70,
    memory: 75,
    config: 78,
    notExecutable: 126,
    notFound: 127,
    killed: 137,
  });
});

describe('describeStatus', () => {
  test.each([0, 1, 255])('code %i', (code) => {
    expect(describeStatus({ kind: 'exited', code })).toBe(`exited with code ${code}`);
  });

  test.each(SIGNALS.map(([signal]) => signal).filter((signal) => signal !== 'SIGKILL'))('%s', (signal) => {
    expect(describeStatus({ kind: 'signaled', signal })).toBe(`was killed by ${signal}`);
  });

  test('SIGKILL is assumed to come from the kernel or the platform', () => {
    expect(describeStatus({ kind: 'signaled', signal: 'SIGKILL' })).toBe('was killed by SIGKILL (out of memory?)');
  });

  test('not started', () => {
    const error = new Error('command not found: bundle');
    expect(describeStatus({ kind: 'not-started', error })).toBe('could not start: command not found: bundle');
  });
});
