import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { describeStatus, EXIT, toExitCode } from '../src/exit-status.ts';

const SIGNALS = Object.entries(constants.signals) as [NodeJS.Signals, number][];

describe('toExitCode', () => {
  test('keeps every exit code from 0 to 255', () => {
    for (let code = 0; code < 256; code += 1) {
      expect(toExitCode({ kind: 'exited', code }), `code ${code}`).toBe(code);
    }
  });

  test('is 128 plus the number of a signal, for every signal', () => {
    for (const [signal, number] of SIGNALS) {
      const code = toExitCode({ kind: 'signaled', signal });
      expect(code, signal).toBe(128 + number);
      expect(code, signal).toBeLessThan(256);
    }
  });

  test('gives the well-known codes of common signals', () => {
    const codes = { SIGHUP: 129, SIGINT: 130, SIGKILL: 137, SIGSEGV: 139, SIGPIPE: 141, SIGTERM: 143 } as const;
    for (const [signal, code] of Object.entries(codes)) {
      expect(toExitCode({ kind: 'signaled', signal: signal as NodeJS.Signals }), signal).toBe(code);
    }
  });

  test('is 127 for a missing command, and 126 for any other failure to start', () => {
    for (const [errorCode, expected] of [
      ['ENOENT', 127],
      ['EACCES', 126],
      ['EPERM', 126],
      ['ENOEXEC', 126],
      ['ENOMEM', 126],
      ['EAGAIN', 126],
      [undefined, 126],
    ] as const) {
      const error = Object.assign(new Error('no'), errorCode === undefined ? {} : { code: errorCode });
      expect(toExitCode({ kind: 'not-started', error }), `error code ${errorCode}`).toBe(expected);
    }
  });
});

test('EXIT names the exit codes of the supervisor', () => {
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
  test('names the exit code', () => {
    for (const code of [0, 1, 255]) {
      expect(describeStatus({ kind: 'exited', code })).toBe(`exited with code ${code}`);
    }
  });

  test('names the signal, for every signal but SIGKILL', () => {
    for (const [signal] of SIGNALS) {
      if (signal === 'SIGKILL') continue;
      expect(describeStatus({ kind: 'signaled', signal })).toBe(`was killed by ${signal}`);
    }
  });

  test('suspects missing memory after SIGKILL, which usually comes from the platform', () => {
    expect(describeStatus({ kind: 'signaled', signal: 'SIGKILL' })).toBe('was killed by SIGKILL (out of memory?)');
  });

  test('gives the error of a command that could not start', () => {
    const error = new Error('command not found: bundle');
    expect(describeStatus({ kind: 'not-started', error })).toBe('could not start: command not found: bundle');
  });
});
