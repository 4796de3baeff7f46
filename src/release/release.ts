import { EXIT, describeStatus, toExitCode, type ExitStatus } from '../exit-status.ts';
import type { Because, Tell } from '../facts.ts';
import type { Host } from '../host/host.ts';
import type { ReleasePlan, Step } from '../plan/spec.ts';
import { Stop, type Heard } from './stop.ts';

type Result = { code: number; reason: string } & Because;
/** leaveAtMs: when we must be gone, on the monotonic clock. */
export type ReleaseEnd = Result & { leaveAtMs: number };

/** What the steps of a release that nobody has stopped leave behind holds up the deploy. */
const LEFTOVERS_MS = 1000;

/** Runs the steps in order and stops at the first failure. A stop signal is handed on to the step at work, which gets
 * the whole budget; a release that was stopped before its end never counts as a good one. */
export async function release(plan: ReleasePlan, host: Host, tell: Tell): Promise<ReleaseEnd> {
  const stop = new Stop(plan.stop, host, tell);
  const result = await runSteps(plan, host, tell, stop);
  const heard = stop.heard();
  const { ended, killed } = await host.sweep(sweepUntilMs(heard, host.clock.now()));
  stop.cancel();
  for (const process of ended) tell({ fact: 'leftover', process, how: 'ended' });
  for (const process of killed) tell({ fact: 'leftover', process, how: 'killed' });
  return { ...result, leaveAtMs: heard.phase === 'running' ? Infinity : heard.leaveAtMs };
}

async function runSteps(plan: ReleasePlan, host: Host, tell: Tell, stop: Stop): Promise<Result> {
  for (const step of plan.steps) {
    const before = stop.heard();
    if (before.phase !== 'running') return stopped(before.signal, step);
    const startedAtMs = host.clock.now();
    const status = await runStep(step, host, tell, stop);
    const afterMs = host.clock.now() - startedAtMs;
    const heard = stop.heard();
    const byUs = heard.phase === 'killing';
    tell({ fact: 'ended', child: step.name, status, afterMs, byUs });
    if (toExitCode(status) === 0) continue;
    const asked = heard.phase === 'running' ? '' : `asked to stop by ${heard.signal}; `;
    const reason = `${asked}${step.name} ${describeStatus(status, byUs)}; the release stops here`;
    return { code: toExitCode(status), reason, cause: 'child-exited', child: step.name, status, afterMs };
  }
  return { code: EXIT.ok, reason: `${plan.steps.map(({ name }) => name).join(' and ')} done`, cause: 'done' };
}

async function runStep(step: Step, host: Host, tell: Tell, stop: Stop): Promise<ExitStatus> {
  const started = await host.run(step);
  stop.handTo({ name: step.name, started });
  if (started.pid !== null) tell({ fact: 'started', child: step.name, command: step.command, pid: started.pid });
  const status = await started.exited;
  stop.handTo(null);
  return status;
}

/** What a KILL has missed goes at once. */
function sweepUntilMs(heard: Heard, nowMs: number): number {
  if (heard.phase === 'stopping') return heard.killAtMs;
  return heard.phase === 'running' ? nowMs + LEFTOVERS_MS : nowMs;
}

function stopped(signal: NodeJS.Signals, { name }: Step): Result {
  const code = toExitCode({ kind: 'signaled', signal });
  const reason = `asked to stop by ${signal} before ${name}; the release is not complete`;
  return { code, reason, cause: 'signal', signal };
}
