import type { Tell } from '../facts.ts';
import type { Cancel, Child, HandedOnSignal, Host } from '../host/host.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import type { Measure } from '../measures.ts';
import { begin } from './begin.ts';
import { specOf } from './children.ts';
import { Inbox } from './inbox.ts';
import { next } from './lifecycle.ts';
import { outcome, type Outcome } from './outcome.ts';
import type { Effect, Event, State, Timer } from './state.ts';

/** What is going on outside: the hands of the state machine. */
type Running = {
  plan: ServePlan;
  host: Host;
  tell: Tell;
  children: Map<ChildName, Child>;
  /** Who is waited for until it is idle. */
  idle: Map<ChildName, Cancel>;
  inbox: Inbox<Event>;
  cancels: Set<Cancel>;
};

/** Hands measures over as they come, until cancelled. */
export type Measures = (take: (measure: Measure) => void) => Cancel;

/** Runs a dyno to its end: take an event, decide, perform. */
export async function supervise(
  plan: ServePlan,
  host: Host,
  tell: Tell,
  measures: Measures,
): Promise<Outcome & { leaveAtMs: number }> {
  const inbox = new Inbox<Event>();
  const running: Running = { plan, host, tell, children: new Map(), idle: new Map(), inbox, cancels: new Set() };
  running.cancels.add(measures((measure) => inbox.put({ ...measure, atMs: host.clock.now() })));
  running.cancels.add(host.onSignal((signal) => inbox.put({ type: 'signal', signal, atMs: host.clock.now() })));
  let state = perform(begin(plan, host.clock.now()), running);
  while (state.phase !== 'done') state = perform(next(state, await inbox.take(), plan), running);
  for (const cancel of [...running.cancels, ...running.idle.values()]) cancel();
  for (const process of state.leftovers.ended) tell({ fact: 'leftover', process, how: 'ended' });
  for (const process of state.leftovers.killed) tell({ fact: 'leftover', process, how: 'killed' });
  return { ...outcome(state), leaveAtMs: state.deadlines.leaveAtMs };
}

function perform([state, ...effects]: readonly [State, ...Effect[]], running: Running): State {
  for (const effect of effects) carryOut(effect, running);
  return state;
}

function carryOut(effect: Effect, running: Running): void {
  const { host, inbox } = running;
  switch (effect.do) {
    case 'spawn':
      return spawn(effect.child, running);
    case 'signal':
      return running.children.get(effect.child)?.signal(effect.signal);
    case 'hand-on':
      return handOn(effect.children, effect.signal, running);
    case 'look':
      return host.look();
    case 'watch-idle':
      return watchIdle(effect.child, effect.startedAtMs, running);
    case 'kill-tree':
      return host.killTree(effect.child);
    case 'clear-tree':
      void host.clearTree(effect.child, effect.killAtMs).then((leftovers) => {
        inbox.put({ type: 'cleared', child: effect.child, leftovers, atMs: host.clock.now() });
      });
      return;
    case 'end-process':
      return host.end(effect.id, effect.killAfterMs);
    case 'kill-all':
      inbox.put({ type: 'killed-all', leftovers: { ended: [], killed: host.killAll() }, atMs: host.clock.now() });
      return;
    case 'sweep':
      void host.sweep(effect.untilMs).then((leftovers) => {
        inbox.put({ type: 'swept', leftovers, atMs: host.clock.now() });
      });
      return;
    case 'schedule':
      return schedule(effect.event, running);
    case 'tell':
      return running.tell(effect.fact);
  }
}

function spawn(name: ChildName, { plan, host, tell, children, idle, inbox }: Running): void {
  const spec = specOf(plan, name);
  if (spec === undefined) return;
  const child = host.spawn(spec);
  children.set(name, child);
  void child.exited.then((status) => {
    idle.get(name)?.();
    inbox.put({ type: 'child-exited', child: name, status, atMs: host.clock.now() });
  });
  void child.ready.then(() => inbox.put({ type: 'child-ready', child: name, atMs: host.clock.now() }));
  if (child.pid !== null) tell({ fact: 'started', child: name, command: spec.command, pid: child.pid });
  if (child.notWatched === null) return;
  tell({ fact: 'not-watched', child: name, why: child.notWatched });
  inbox.put({ type: 'unwatched', child: name, atMs: host.clock.now() });
}

function handOn(names: readonly ChildName[], signal: HandedOnSignal, { host, children, tell }: Running): void {
  const heard = names.filter((name) => host.hears(name, signal));
  for (const name of heard) children.get(name)?.signal(signal);
  tell({ fact: 'handed-on', signal, children: heard });
}

function watchIdle(name: ChildName, startedAtMs: number, { plan, host, idle, inbox }: Running): void {
  const spec = specOf(plan, name);
  if (spec === undefined) return;
  const post = (): void => inbox.put({ type: 'idle', child: name, startedAtMs, atMs: host.clock.now() });
  idle.set(name, host.whenIdle(spec, post));
}

function schedule(event: Timer, { host, inbox, cancels }: Running): void {
  const cancel = host.clock.after(event.atMs - host.clock.now(), () => {
    cancels.delete(cancel);
    inbox.put({ ...event, atMs: Math.max(event.atMs, host.clock.now()) });
  });
  cancels.add(cancel);
}
