import { describeDuration } from '../duration.ts';
import { describeStatus, EXIT, toExitCode, type ExitStatus } from '../exit-status.ts';
import type { Because } from '../facts.ts';
import type { StopSignal } from '../host/host.ts';
import type { ChildName } from '../plan/spec.ts';
import { alive } from './children.ts';
import { ONCE_MORE, type Cause, type ChildExited } from './cause.ts';
import type { Phase } from './state.ts';

type NotUp = Extract<Cause, { kind: 'not-back' | 'never-up' }>;

/** The end of a dyno: our exit code, and why, in words an admin understands and as fields. */
export type Outcome = { code: number; reason: string } & Because;

export function outcome(done: Phase<'done'>): Outcome {
  const { cause } = done;
  switch (cause.kind) {
    case 'signal':
      return asked(done, cause.signal);
    case 'child-exited':
      return unasked(done, cause);
    case 'not-back':
      return notUp(done, cause, `was recycled and was not back ${describeDuration(cause.afterMs)} later`);
    case 'never-up':
      return notUp(done, cause, `was not ready after ${describeDuration(cause.afterMs)}, ${ONCE_MORE}`);
    case 'memory':
      return {
        code: EXIT.memory,
        reason: [`${cause.why}; stopped before that`, ...saidOfKilled(done)].join('; '),
        cause: 'memory',
      };
  }
}

function asked(done: Phase<'done'>, signal: StopSignal): Outcome {
  const { ended } = done.leftovers;
  const killed = saidOfKilled(done);
  const quiet =
    ended.length === 0 ? 'everything ended by itself' : `the children ended by themselves, ${list(ended)} was ended`;
  const reason = [`asked to stop by ${signal}`, ...(killed.length > 0 ? killed : [quiet])].join('; ');
  return { code: killed.length > 0 ? EXIT.killed : EXIT.ok, reason, cause: 'signal', signal };
}

function notUp(done: Phase<'done'>, { kind, child, afterMs }: NotUp, said: string): Outcome {
  const reason = [`${child} ${said}`, ...saidOfKilled(done)].join('; ');
  return { code: EXIT.unasked, reason, cause: kind, child, afterMs };
}

function unasked(done: Phase<'done'>, { child, status, startedAtMs, atMs, failures }: ChildExited): Outcome {
  const code = toExitCode(status) === 0 ? EXIT.unasked : toExitCode(status);
  const afterMs = atMs - startedAtMs;
  const stopped = [...done.children].filter(
    ([name, one]) => name !== child && one.is === 'ended' && !isKilled(one.status),
  );
  const started = stopped
    .filter(([, one]) => one.is === 'ended' && one.status.kind !== 'not-started')
    .map(([name]) => name);
  const when = status.kind === 'not-started' ? '' : ` ${describeDuration(afterMs)} after it started`;
  const parts = [
    `${child} ${describeStatus(status)}${when}${failures > 0 ? `, ${ONCE_MORE}` : ''}`,
    ...(started.length > 0 ? [`stopped ${list(started)}`] : []),
    ...saidOfKilled(done, child),
  ];
  return { code, reason: parts.join('; '), cause: 'child-exited', child, status, afterMs };
}

/** What did not end by itself: killed by us, killed by anything else while it stopped, or still there. */
function saidOfKilled({ children, leftovers }: Phase<'done'>, but: ChildName | null = null): string[] {
  const killed = [...children].filter(
    ([name, child]) => name !== but && child.is === 'ended' && isKilled(child.status),
  );
  const byUs = killed.filter(([, child]) => child.is === 'ended' && child.byUs).map(([name]) => name);
  const byOthers = killed.map(([name]) => name).filter((name) => !byUs.includes(name));
  const had = [...byUs, ...alive(children), ...leftovers.killed];
  return [
    ...(had.length > 0 ? [`${list(had)} had to be killed`] : []),
    ...(byOthers.length > 0 ? [`${list(byOthers)} was killed by SIGKILL while stopping (out of memory?)`] : []),
  ];
}

function isKilled(status: ExitStatus): boolean {
  return status.kind === 'signaled' && status.signal === 'SIGKILL';
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
