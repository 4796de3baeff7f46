import type { ExitStatus } from '../../src/exit-status.ts';
import type { LogEvent } from '../../src/log/events.ts';
import type { ChildName, ServePlan } from '../../src/plan/spec.ts';
import { outcome } from '../../src/supervisor/outcome.ts';
import { begin } from '../../src/supervisor/start.ts';
import type { Effect, Event, State, Timer } from '../../src/supervisor/state.ts';
import { next } from '../../src/supervisor/transitions.ts';

/** For a second SIGINT, give SIGINT twice: replay() turns it into `second-interrupt`. */
type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGTTIN' | 'SIGUSR1' | 'SIGUSR2';
type Status = number | NodeJS.Signals | Error;
type Leftovers = { ended?: string[]; killed?: string[] };

export const ready = (child: ChildName, atMs: number): Event => ({ type: 'child-ready', child, atMs });
export const readinessUnknown = (child: ChildName, atMs: number): Event => ({ type: 'readiness-unknown', child, atMs });
export const signal = (name: Signal, atMs: number): Event => ({ type: 'signal', signal: name, atMs });
export const exited = (child: ChildName, status: Status, atMs: number): Event => ({
  type: 'child-exited',
  child,
  status: toStatus(status),
  atMs,
});
export const restart = (child: ChildName, atMs: number): Event => ({
  type: 'restart',
  mode: 'graceful',
  child,
  reason: 'it holds too much memory',
  atMs,
});
export const emergency = (
  child: ChildName | null,
  atMs: number,
  immediate = false,
  lastResort: 'stop-dyno' | 'none' = 'stop-dyno',
): Event => ({
  type: 'restart',
  mode: 'emergency',
  child,
  reason: 'memory 973 of 512 MB (190 %)',
  immediate,
  lastResort,
  atMs,
});
export const demandStarted = (child: ChildName, atMs: number): Event => ({ type: 'demand-started', child, atMs });
export const demandEnded = (child: ChildName, atMs: number): Event => ({ type: 'demand-ended', child, atMs });
export const pressure = (atMs: number, reason: string | null = 'memory 819 of 512 MB (160 %)'): Event => ({
  type: 'memory-pressure',
  reason,
  atMs,
});
/** From the router, which does not know the incarnation of a child. */
export const idle = (child: ChildName, atMs: number): Event => ({ type: 'idle', child, atMs });
export const idleSince = (child: ChildName, startedAtMs: number, atMs: number): Event => ({
  type: 'idle',
  child,
  startedAtMs,
  atMs,
});
/** What the child left behind has ended. */
export const reaped = (child: ChildName, atMs: number, leftovers: Leftovers = {}): Event => ({
  type: 'reaped',
  scope: { child },
  leftovers: { ended: [], killed: [], ...leftovers },
  atMs,
});
export const allReaped = (atMs: number, leftovers: Leftovers = {}): Event => ({
  type: 'reaped',
  scope: 'all',
  leftovers: { ended: [], killed: [], ...leftovers },
  atMs,
});

const timeout = (timer: Timer): Event => ({ type: 'timeout', ...timer });
export const dependencyTimeout = (child: ChildName, atMs: number): Event =>
  timeout({ timer: 'dependency-timeout', child, atMs });
export const backoffExpired = (child: ChildName, atMs: number): Event =>
  timeout({ timer: 'backoff-expired', child, atMs });
export const drainTimeout = (child: ChildName, atMs: number): Event => timeout({ timer: 'drain-timeout', child, atMs });
export const resendTerm = (child: ChildName, atMs: number): Event => timeout({ timer: 'resend-term', child, atMs });
export const broadcastWindowClosed = (atMs: number): Event => timeout({ timer: 'broadcast-window-closed', atMs });
export const killDeadline = (atMs: number): Event => timeout({ timer: 'kill-deadline', atMs });
export const exitDeadline = (atMs: number): Event => timeout({ timer: 'exit-deadline', atMs });
const ofIncarnation = (timer: 'ready-timeout' | 'quiet-timeout' | 'stop-timeout' | 'idle-timeout' | 'restart-due') => {
  return (child: ChildName, startedAtMs: number, atMs: number): Event => timeout({ timer, child, startedAtMs, atMs });
};
export const readyTimeout = ofIncarnation('ready-timeout');
export const quietTimeout = ofIncarnation('quiet-timeout');
export const stopTimeout = ofIncarnation('stop-timeout');
export const idleTimeout = ofIncarnation('idle-timeout');
export const restartDue = ofIncarnation('restart-due');

/** `phase`: the phase of the dyno, or the step of its stop. `effects`: the effects of the start and of each event, in short:
 * `spawn puma`, `SIGTERM sidekiq`. `last`: the effects of the last event. `logged`: all log events. */
type Replayed = { state: State; phase: string; effects: string[][]; last: string[]; logged: LogEvent[] };

export function replay(plan: ServePlan, ...events: Event[]): Replayed {
  let [state, ...newEffects] = begin(plan, 0);
  const effects = [describeEffects(newEffects)];
  const logged = logEventsOf(newEffects);
  for (const event of withSecondInterrupts(events)) {
    [state, ...newEffects] = next(state, event, plan);
    effects.push(describeEffects(newEffects));
    logged.push(...logEventsOf(newEffects));
  }
  return { state, phase: phaseOf(state), effects, last: effects.at(-1) ?? [], logged };
}

/** Maps SIGINT as process/signals.ts does: the second becomes `second-interrupt`, later ones are dropped. Here a SIGHUP, which
 * changes nothing, replaces them, so that the number of events stays the same. */
export function withSecondInterrupts(events: readonly Event[]): Event[] {
  let interrupts = 0;
  return events.map((event) => {
    if (event.type !== 'signal' || event.signal !== 'SIGINT') return event;
    interrupts += 1;
    if (interrupts === 1) return event;
    return interrupts === 2 ? { type: 'second-interrupt', atMs: event.atMs } : { ...event, signal: 'SIGHUP' };
  });
}

export function phaseOf(state: State): string {
  return state.phase === 'stopping' ? state.step : state.phase;
}

function logEventsOf(effects: readonly Effect[]): LogEvent[] {
  return effects.flatMap((effect) => (effect.type === 'log' ? [effect.event] : []));
}

/** The exit code of a history after which the dyno is done. */
export function codeOf(plan: ServePlan, ...events: Event[]): number {
  return outcomeOf(plan, ...events).code;
}

export function outcomeOf(plan: ServePlan, ...events: Event[]): { code: number; reason: string } {
  const { state } = replay(plan, ...events);
  if (state.phase !== 'done') throw new Error(`still ${phaseOf(state)}`);
  return outcome(state);
}

export function toStatus(status: Status): ExitStatus {
  if (typeof status === 'number') return { kind: 'exited', code: status };
  return typeof status === 'string' ? { kind: 'signaled', signal: status } : { kind: 'not-started', error: status };
}

function describeEffects(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    switch (effect.type) {
      case 'spawn':
        return [`spawn ${effect.child}`];
      case 'forward-signal':
        return effect.children.map((child) => `${effect.signal} ${child}`);
      case 'signal':
        return effect.signal === 'SIGCONT' ? [] : [`${effect.signal} ${effect.child}`];
      case 'watch-idle':
        return [`watch-idle ${effect.child}`];
      case 'kill':
        return [`kill ${effect.scope === 'all' ? 'all' : effect.scope.child}`];
      case 'reap':
        return [`reap ${effect.scope === 'all' ? 'all' : effect.scope.child} until ${effect.killAtMs}`];
      case 'end-process':
        return [`end ${effect.id.pid} kill after ${effect.killAfterMs}`];
      case 'schedule':
        return isFirstReadyTimeout(effect.timer) ? [] : [`${effect.timer.timer} at ${effect.timer.atMs}`];
      case 'scan':
      case 'publish':
      case 'log':
        return [];
    }
  });
}

/** Every start except a restart schedules it: left out, to keep the expectations short. */
function isFirstReadyTimeout(timer: Timer): boolean {
  return timer.timer === 'ready-timeout' && timer.atMs - timer.startedAtMs <= 60_000;
}
