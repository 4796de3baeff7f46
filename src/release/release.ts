import { describeStatus, EXIT, type ExitStatus, toExitCode } from '../exit-status.ts';
import type { Host, StopSignal } from '../host.ts';
import type { Log, Outcome, Result } from '../log/events.ts';
import type { ReleasePlan, ReleaseStep } from '../plan/spec.ts';
import { ReleaseStop, type StopState } from './stop.ts';

/** What the steps of a release leave behind holds up the deploy. */
const REAP_FOR_MS = 1000;

/** Runs the steps in order, until the first failure. A stop signal is forwarded to the running step, which gets the whole time for
 * it; a release that was stopped before its end never counts as complete. */
export async function release(plan: ReleasePlan, host: Host, log: Log): Promise<Result> {
  const stop = new ReleaseStop(plan.stop, host, log);
  const atDeadline = stop.exitDeadline.then((signal) => unkillable(stop.running, signal));
  try {
    const steps = runSteps(plan, host, log, stop);
    const result = await Promise.race([steps, atDeadline]).finally(() => reap(host, log, stop));
    const { state } = stop;
    return { ...result, exitAtMs: state.phase === 'running' ? Infinity : state.exitAtMs };
  } finally {
    stop.close();
  }
}

/** Ends what the steps have left behind, as far as it can be ended in time. */
async function reap(host: Host, log: Log, stop: ReleaseStop): Promise<void> {
  const leftovers = host.reapAll(reapUntilMs(stop.state, host.clock.now()));
  const { ended, killed } = await Promise.race([leftovers, stop.exitDeadline.then(() => ({ ended: [], killed: [] }))]);
  for (const process of ended) log({ event: 'leftover', process, how: 'ended' });
  for (const process of killed) log({ event: 'leftover', process, how: 'killed' });
}

async function runSteps(plan: ReleasePlan, host: Host, log: Log, stop: ReleaseStop): Promise<Outcome> {
  for (const step of plan.steps) {
    const before = stop.state;
    if (before.phase !== 'running') return stoppedBefore(step, before.signal);
    const startedAtMs = host.clock.now();
    const status = await runStep(step, host, log, stop);
    const afterMs = host.clock.now() - startedAtMs;
    const after = stop.state;
    const killedByUs = after.phase === 'killing';
    log({ event: 'exited', child: step.name, status, afterMs, killedByUs });
    if (toExitCode(status) === 0) continue;
    const asked = after.phase === 'running' ? '' : `asked to stop by ${after.signal}; `;
    const reason = `${asked}${step.name} ${describeStatus(status, killedByUs)}; the release stops here`;
    return { code: toExitCode(status), reason, cause: 'child-exited', child: step.name, status, afterMs };
  }
  return { code: EXIT.ok, reason: `${plan.steps.map(({ name }) => name).join(' and ')} done`, cause: 'done' };
}

async function runStep(step: ReleaseStep, host: Host, log: Log, stop: ReleaseStop): Promise<ExitStatus> {
  const process = await host.runCommand(step);
  stop.setStep({ name: step.name, process });
  if (process.pid !== null) log({ event: 'started', child: step.name, command: step.command, pid: process.pid });
  const status = await process.exited;
  stop.setStep(null);
  return status;
}

/** After a SIGKILL for everything, what is left gets no time. */
function reapUntilMs(state: StopState, nowMs: number): number {
  if (state.phase === 'stopping') return state.killAtMs;
  return state.phase === 'running' ? nowMs + REAP_FOR_MS : nowMs;
}

function stoppedBefore({ name }: ReleaseStep, signal: StopSignal): Outcome {
  const code = toExitCode({ kind: 'signaled', signal });
  const reason = `asked to stop by ${signal} before ${name}; the release is not complete`;
  return { code, reason, cause: 'signal', signal };
}

function unkillable(steps: readonly string[], signal: StopSignal): Outcome {
  const reason = `asked to stop by ${signal}; ${steps.join('')} had to be killed; the release stops here`;
  return { code: EXIT.killed, reason, cause: 'signal', signal };
}
