import { constants } from 'node:os';

/** How a process ended. A process that could not be started has a status, too. */
export type ExitStatus =
  | { kind: 'exited'; code: number }
  | { kind: 'signaled'; signal: NodeJS.Signals }
  | { kind: 'not-started'; error: Error };

/** The supervisor's own exit codes. From sysexits.h: EX_USAGE, EX_SOFTWARE, EX_TEMPFAIL and EX_CONFIG; from the
 * POSIX shell: 126 and 127. unexpected: a process exited with 0 although it should have kept running, or did not
 * become ready. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 64,
  internal: 70,
  memory: 75,
  config: 78,
  notExecutable: 126,
  notFound: 127,
  killed: 137,
} as const;

/** The exit code that a shell would report: 128 + signal number for a signal, 127 if the command was not found, 126
 * if it could not be started for another reason. */
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

/** `exited with code 3`, `was killed by SIGKILL (out of memory?)`, `could not start: …` */
export function describeStatus(status: ExitStatus, bySupervisor = false): string {
  switch (status.kind) {
    case 'exited':
      return `exited with code ${status.code}`;
    case 'signaled':
      if (status.signal !== 'SIGKILL') return `was killed by ${status.signal}`;
      return bySupervisor ? 'was killed by the supervisor' : 'was killed by SIGKILL (out of memory?)';
    case 'not-started':
      return `could not start: ${status.error.message}`;
  }
}

function errorCode(error: Error): unknown {
  return 'code' in error ? error.code : undefined;
}

/** The settings or the folder are wrong. `problems` has one line for each problem found. Exit code 78. */
export class ConfigError extends Error {
  readonly code = 'SUPERVISE_CONFIG';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** The command line is wrong. Exit code 64. */
export class UsageError extends Error {
  readonly code = 'SUPERVISE_USAGE';
}
