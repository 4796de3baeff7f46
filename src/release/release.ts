import { EXIT, describeStatus, toExitCode, type ExitStatus } from '../exit-status.ts';
import type { Tell } from '../facts.ts';
import type { Cancel, HandedOnSignal, Host, Process, StopSignal } from '../host/host.ts';
import type { ReleasePlan, Step } from '../plan/spec.ts';

type Result = { code: number; reason: string };
/** leaveAtMs: when we must be gone, on the monotonic clock. */
export type ReleaseEnd = Result & { leaveAtMs: number };

/** Runs the steps in order and stops at the first failure. A stop signal is handed on to the step at work, which gets
 * the whole budget; a release that was stopped before its end never counts as a good one. */
export async function release(plan: ReleasePlan, host: Host, tell: Tell): Promise<ReleaseEnd> {
  const stop = new Stop(plan, host);
  const { code, reason } = await runSteps(plan, host, tell, stop);
  stop.cancel();
  const { ended, killed } = await host.sweep(stop.killAtMs ?? host.clock.now() + plan.stop.killAfterMs);
  for (const process of ended) tell({ fact: 'leftover', process, how: 'ended' });
  for (const process of killed) tell({ fact: 'leftover', process, how: 'killed' });
  const { leaveAfterMs, killAfterMs } = plan.stop;
  return { code, reason, leaveAtMs: stop.killAtMs === null ? Infinity : stop.killAtMs + leaveAfterMs - killAfterMs };
}

async function runSteps(plan: ReleasePlan, host: Host, tell: Tell, stop: Stop): Promise<Result> {
  for (const step of plan.steps) {
    if (stop.signal !== null) return stopped(stop.signal, `before ${step.name}`);
    const status = await runStep(step, host, tell, stop);
    const code = toExitCode(status);
    if (code !== 0) return { code, reason: failed(step, status, stop.signal) };
  }
  return { code: EXIT.ok, reason: `${plan.steps.map(({ name }) => name).join(' and ')} done` };
}

async function runStep(step: Step, host: Host, tell: Tell, stop: Stop): Promise<ExitStatus> {
  const startedAtMs = host.clock.now();
  const running = await host.run(step);
  stop.handTo(running);
  if (running.pid !== null) tell({ fact: 'started', child: step.name, command: step.command, pid: running.pid });
  const status = await running.exited;
  stop.handTo(null);
  tell({ fact: 'ended', child: step.name, status, afterMs: host.clock.now() - startedAtMs });
  return status;
}

function failed(step: Step, status: ExitStatus, signal: StopSignal | null): string {
  const asked = signal === null ? '' : `asked to stop by ${signal}; `;
  return `${asked}${step.name} ${describeStatus(status)}; the release stops here`;
}

function stopped(signal: StopSignal, when: string): Result {
  const code = toExitCode({ kind: 'signaled', signal });
  return { code, reason: `asked to stop by ${signal} ${when}; the release is not complete` };
}

/** The first stop signal, and what is done about it: TERM to the step at work, KILL when the budget ends or at a second
 * SIGINT. */
class Stop {
  signal: StopSignal | null = null;
  killAtMs: number | null = null;
  readonly #plan: ReleasePlan;
  readonly #host: Host;
  readonly #cancels: Cancel[] = [];
  #running: Process | null = null;

  constructor(plan: ReleasePlan, host: Host) {
    this.#plan = plan;
    this.#host = host;
    this.#cancels.push(host.onSignal((signal) => this.#hear(signal)));
  }

  handTo(running: Process | null): void {
    this.#running = running;
    if (this.signal !== null) running?.signal('SIGTERM');
  }

  cancel(): void {
    for (const cancel of this.#cancels) cancel();
  }

  #hear(signal: StopSignal | HandedOnSignal): void {
    if (signal === 'SIGTTIN' || signal === 'SIGUSR1' || signal === 'SIGUSR2') return;
    if (this.signal !== null) {
      if (signal === 'SIGINT') this.#host.killAll();
      return;
    }
    this.signal = signal;
    this.killAtMs = this.#host.clock.now() + this.#plan.stop.killAfterMs;
    this.#running?.signal('SIGTERM');
    this.#cancels.push(this.#host.clock.after(this.#plan.stop.killAfterMs, () => this.#host.killAll()));
  }
}
