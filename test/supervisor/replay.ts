import type { ExitStatus } from '../../src/exit-status.ts';
import type { Fact } from '../../src/facts.ts';
import type { ServePlan } from '../../src/plan/spec.ts';
import { begin } from '../../src/supervisor/begin.ts';
import { next } from '../../src/supervisor/lifecycle.ts';
import { outcome } from '../../src/supervisor/outcome.ts';
import type { Effect, Event, State } from '../../src/supervisor/state.ts';

export const ready = (child: string, atMs: number): Event => ({ type: 'child-ready', child, atMs });
export const signal = (
  name: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGTTIN' | 'SIGUSR1' | 'SIGUSR2',
  atMs: number,
): Event => ({
  type: 'signal',
  signal: name,
  atMs,
});
export const exited = (child: string, status: number | NodeJS.Signals | Error, atMs: number): Event => ({
  type: 'child-exited',
  child,
  status: toStatus(status),
  atMs,
});
export const startOver = (child: string, atMs: number): Event => ({ type: 'start-over', child, atMs });
export const broadcastOver = (atMs: number): Event => ({ type: 'broadcast-over', atMs });
export const graceOver = (atMs: number): Event => ({ type: 'grace-over', atMs });
export const budgetOver = (atMs: number): Event => ({ type: 'budget-over', atMs });
export const swept = (atMs: number, leftovers = {}): Event => ({
  type: 'swept',
  leftovers: { ended: [], killed: [], ...leftovers },
  atMs,
});

/** `last`: what the last event led to. */
type Replayed = { state: State; did: string[][]; last: string[]; facts: Fact[] };

/** The state after a history of events, what each step did, as short words: `spawn puma`, `SIGTERM sidekiq`, and all that was
 * told. */
export function replay(plan: ServePlan, ...events: Event[]): Replayed {
  let [state, ...effects] = begin(plan, 0);
  const did = [words(effects)];
  const facts = factsOf(effects);
  for (const event of events) {
    [state, ...effects] = next(state, event, plan);
    did.push(words(effects));
    facts.push(...factsOf(effects));
  }
  return { state, did, last: did.at(-1) ?? [], facts };
}

function factsOf(effects: readonly Effect[]): Fact[] {
  return effects.flatMap((effect) => (effect.do === 'tell' ? [effect.fact] : []));
}

/** The exit code of a history, which must have come to its end. */
export function codeOf(plan: ServePlan, ...events: Event[]): number {
  return end(plan, ...events).code;
}

export function end(plan: ServePlan, ...events: Event[]): { code: number; reason: string } {
  const { state } = replay(plan, ...events);
  if (state.phase !== 'done') throw new Error(`still ${state.phase}`);
  return outcome(state);
}

export function toStatus(status: number | NodeJS.Signals | Error): ExitStatus {
  if (typeof status === 'number') return { kind: 'exited', code: status };
  return typeof status === 'string' ? { kind: 'signaled', signal: status } : { kind: 'not-started', error: status };
}

function words(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    switch (effect.do) {
      case 'spawn':
        return [`spawn ${effect.child}`];
      case 'hand-on':
        return effect.children.map((child) => `${effect.signal} ${child}`);
      case 'signal':
        return effect.signal === 'SIGCONT' ? [] : [`${effect.signal} ${effect.child}`];
      case 'kill-all':
        return ['kill-all'];
      case 'clear-tree':
        return [`clear-tree ${effect.child} until ${effect.killAtMs}`];
      case 'kill-tree':
      case 'watch-idle':
        return [`${effect.do} ${effect.child}`];
      case 'end-process':
        return [`end ${effect.id.pid} kill after ${effect.killAfterMs}`];
      case 'look':
        return [];
      case 'sweep':
        return [`sweep until ${effect.untilMs}`];
      case 'schedule':
        return effect.event.type === 'boot-over' ? [] : [`${effect.event.type} at ${effect.event.atMs}`];
      case 'tell':
        return [];
    }
  });
}

/** What outlived a recycled child has ended. */
export const cleared = (child: string, atMs: number, leftovers = {}): Event => ({
  type: 'cleared',
  child,
  leftovers: { ended: [], killed: [], ...leftovers },
  atMs,
});
export const bootOver = (child: string, startedAtMs: number, atMs: number): Event => ({
  type: 'boot-over',
  child,
  startedAtMs,
  atMs,
});
export const wanted = (child: string, atMs: number, shortage: string | null = null): Event => ({
  type: 'wanted',
  child,
  shortage,
  atMs,
});
export const unwanted = (child: string, atMs: number): Event => ({ type: 'unwanted', child, atMs });
export const drained = (child: string, atMs: number): Event => ({ type: 'drained', child, atMs });
export const heardOver = (child: string, atMs: number): Event => ({ type: 'heard-over', child, atMs });
export const drainOver = (child: string, atMs: number): Event => ({ type: 'drain-over', child, atMs });
export const save = (
  child: string | null,
  atMs: number,
  atOnce = false,
  lastResort: 'stop-dyno' | 'none' = 'stop-dyno',
): Event => ({
  type: 'save',
  child,
  why: 'memory at 190 % of 512 MB',
  atOnce,
  lastResort,
  atMs,
});
export const about = (type: 'idle' | 'quiet-over' | 'end-over' | 'return-over' | 'recycle-due' | 'idle-over') => {
  return (child: string, startedAtMs: number, atMs: number): Event => ({ type, child, startedAtMs, atMs });
};
