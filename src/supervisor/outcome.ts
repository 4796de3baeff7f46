import { describeDuration } from '../duration.ts';
import { describeStatus, EXIT, toExitCode, type ExitStatus } from '../exit-status.ts';
import type { ChildName } from '../plan/spec.ts';
import { alive } from './children.ts';
import type { ChildExited } from './cause.ts';
import type { Phase } from './state.ts';

/** The end of a dyno: our exit code, and why, in words an admin understands. */
export type Outcome = { code: number; reason: string };

export function outcome(done: Phase<'done'>): Outcome {
  const { cause } = done;
  return cause.kind === 'signal' ? asked(done, cause.signal) : unasked(done, cause);
}

function asked(done: Phase<'done'>, signal: string): Outcome {
  const killed = killedOf(done);
  const { ended } = done.leftovers;
  if (killed.length === 0) {
    const rest =
      ended.length === 0 ? 'everything ended by itself' : `the children ended by themselves, ${list(ended)} was ended`;
    return { code: EXIT.ok, reason: `asked to stop by ${signal}; ${rest}` };
  }
  return { code: EXIT.killed, reason: `asked to stop by ${signal}; ${list(killed)} had to be killed` };
}

function unasked(done: Phase<'done'>, { child, status, startedAtMs, atMs }: ChildExited): Outcome {
  const code = toExitCode(status) === 0 ? EXIT.unasked : toExitCode(status);
  const others = [...done.children].filter(([name, { is }]) => name !== child && is !== 'waiting');
  const killed = killedOf(done).filter((name) => name !== child);
  const stopped = others.map(([name]) => name).filter((name) => !killed.includes(name));
  const parts = [
    status.kind === 'not-started'
      ? `${child} ${describeStatus(status)}`
      : `${child} ${describeStatus(status)} ${describeDuration(atMs - startedAtMs)} after it started`,
    ...(stopped.length > 0 ? [`stopped ${list(stopped)}`] : []),
    ...(killed.length > 0 ? [`${list(killed)} had to be killed`] : []),
  ];
  return { code, reason: parts.join('; ') };
}

/** What did not end by itself: killed by us or by anything else, or still there. */
function killedOf({ children, leftovers }: Phase<'done'>): ChildName[] {
  const killed = [...children].filter(([, child]) => child.is === 'ended' && isKilled(child.status));
  return [...killed.map(([name]) => name), ...alive(children), ...leftovers.killed];
}

function isKilled(status: ExitStatus): boolean {
  return status.kind === 'signaled' && status.signal === 'SIGKILL';
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
