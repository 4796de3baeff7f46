import { constants } from 'node:os';

/** How a process ended, as data: a child that could not start is a status too. */
export type ExitStatus =
  | { kind: 'exited'; code: number }
  | { kind: 'signaled'; signal: NodeJS.Signals }
  | { kind: 'not-started'; error: Error };

/** Exit codes with a meaning of their own (sysexits.h: EX_USAGE, EX_SOFTWARE, EX_TEMPFAIL, EX_CONFIG; POSIX shell: 126, 127). */
export const EXIT = {
  ok: 0,
  unasked: 1,
  usage: 64,
  internal: 70,
  memory: 75,
  config: 78,
  notExecutable: 126,
  notFound: 127,
  killed: 137,
} as const;

/** The code that a shell would report: n, 128 + signal number, 127 for not found, 126 for any other failure to start. */
export function toExitCode(status: ExitStatus): number {
  switch (status.kind) {
    case 'exited':
      return status.code;
    case 'signaled':
      return 128 + constants.signals[status.signal];
    case 'not-started':
      return errorCode(status.error) === 'ENOENT' ? EXIT.notFound : EXIT.notExecutable;
  }
}

/** `ended with code 3`, `was killed by SIGKILL (out of memory?)`, `could not start: …` */
export function describeStatus(status: ExitStatus, byUs = false): string {
  switch (status.kind) {
    case 'exited':
      return `ended with code ${status.code}`;
    case 'signaled':
      if (status.signal !== 'SIGKILL') return `was ended by ${status.signal}`;
      return byUs ? 'was killed by us' : 'was killed by SIGKILL (out of memory?)';
    case 'not-started':
      return `could not start: ${status.error.message}`;
  }
}

function errorCode(error: Error): unknown {
  return 'code' in error ? error.code : undefined;
}
