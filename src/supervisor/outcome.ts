import { describeStatus, EXIT, toExitCode, type ExitStatus } from '../exit-status.ts';
import type { StopSignal } from '../host.ts';
import type { Outcome } from '../log/events.ts';
import type { ChildName } from '../plan/spec.ts';
import { describeDuration } from '../units.ts';
import { living } from './children.ts';
import type { Cause, ChildExited, Done } from './state.ts';

const THIRD_TIME = 'the third time in a row that it did not become ready';

export function outcome(done: Done): Outcome {
  const { cause } = done;
  switch (cause.kind) {
    case 'signal':
      return stoppedBySignal(done, cause.signal);
    case 'child-exited':
      return stoppedByExit(done, cause);
    case 'not-ready':
      return notReady(done, cause);
    case 'memory': {
      const reason = [`${cause.reason}; the dyno was stopped before that`, ...killedChildren(done)].join('; ');
      return { code: EXIT.memory, reason, cause: 'memory' };
    }
    case 'internal-error': {
      const reason = [cause.reason, ...killedChildren(done)].join('; ');
      return { code: EXIT.internal, reason, cause: 'internal-error' };
    }
  }
}

function stoppedBySignal(done: Done, signal: StopSignal): Outcome {
  const { ended } = done.leftovers;
  const killed = killedChildren(done);
  const quiet =
    ended.length === 0 ? 'everything ended by itself' : `the children ended by themselves, ${list(ended)} was ended`;
  const reason = [`asked to stop by ${signal}`, ...(killed.length > 0 ? killed : [quiet])].join('; ');
  return { code: killed.length > 0 ? EXIT.killed : EXIT.ok, reason, cause: 'signal', signal };
}

function notReady(done: Done, cause: Extract<Cause, { kind: 'not-ready' }>): Outcome {
  const { child, afterMs, failedStarts } = cause;
  const after = describeDuration(afterMs);
  const what =
    failedStarts > 0
      ? `was not ready after ${after}${thirdTime(failedStarts)}`
      : `was restarted and was not ready ${after} later`;
  const reason = [`${child} ${what}`, ...killedChildren(done)].join('; ');
  return { code: EXIT.unexpected, reason, cause: 'not-ready', child, afterMs };
}

function stoppedByExit(done: Done, { child, status, startedAtMs, atMs, failedStarts }: ChildExited): Outcome {
  const code = toExitCode(status) === 0 ? EXIT.unexpected : toExitCode(status);
  const afterMs = atMs - startedAtMs;
  const stopped = [...done.children].flatMap(([name, { process }]) => {
    const exited = name !== child && process.state === 'exited' && !isKilled(process.status);
    return exited && process.status.kind !== 'not-started' ? [name] : [];
  });
  const when = status.kind === 'not-started' ? '' : ` ${describeDuration(afterMs)} after it started`;
  const parts = [
    `${child} ${describeStatus(status)}${when}${thirdTime(failedStarts)}`,
    ...(stopped.length > 0 ? [`stopped ${list(stopped)}`] : []),
    ...killedChildren(done, child),
  ];
  return { code, reason: parts.join('; '), cause: 'child-exited', child, status, afterMs };
}

/** What did not end by itself: killed by us, killed by anything else while it stopped, or still there. */
function killedChildren({ children, leftovers }: Done, except: ChildName | null = null): string[] {
  const killed = (byUs: boolean): ChildName[] =>
    [...children].flatMap(([name, { process }]) => {
      const isSuch = process.state === 'exited' && isKilled(process.status) && process.killedByUs === byUs;
      return isSuch && name !== except ? [name] : [];
    });
  const byUs = [...killed(true), ...living(children), ...leftovers.killed];
  const byOthers = killed(false);
  return [
    ...(byUs.length > 0 ? [`${list(byUs)} had to be killed`] : []),
    ...(byOthers.length > 0 ? [`${list(byOthers)} was killed by SIGKILL while stopping (out of memory?)`] : []),
  ];
}

function isKilled(status: ExitStatus): boolean {
  return status.kind === 'signaled' && status.signal === 'SIGKILL';
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

/** Why the dyno stops, for the line that the stop begins with. */
export function describeCause(cause: Cause): string {
  switch (cause.kind) {
    case 'signal':
      return cause.signal;
    case 'child-exited':
      return `${cause.child} ${describeStatus(cause.status)}${thirdTime(cause.failedStarts)}`;
    case 'not-ready':
      return cause.failedStarts > 0
        ? `${cause.child} was not ready in time${thirdTime(cause.failedStarts)}`
        : `${cause.child} was restarted and did not become ready again`;
    case 'memory':
    case 'internal-error':
      return cause.reason;
  }
}

function thirdTime(failedStarts: number): string {
  return failedStarts > 0 ? `, ${THIRD_TIME}` : '';
}
