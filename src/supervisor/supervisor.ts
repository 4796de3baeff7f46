import type { Command, SupervisorEvent } from '../commands.ts';
import type { Cancel, Host, Leftovers, ObservedProcess, ReceivedSignal } from '../host.ts';
import type { Log, Result } from '../log/events.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { changes, specOf } from './children.ts';
import { outcome } from './outcome.ts';
import { begin } from './start.ts';
import type { Effect, EffectOf, Event, Occurrence, State, Timer, Transition } from './state.ts';
import { next } from './transitions.ts';

/** Runs a dyno to its end: take an event, decide, perform. */
export class Supervisor {
  readonly #plan: ServePlan;
  readonly #host: Host;
  readonly #log: Log;
  readonly #queue = new EventQueue<Event>();
  readonly #processes = new Map<ChildName, ObservedProcess>();
  readonly #idleWatches = new Map<ChildName, Cancel>();
  readonly #cancels = new Set<Cancel>();
  readonly #listeners = new Set<(event: SupervisorEvent) => void>();
  #state: State | null = null;

  constructor(plan: ServePlan, host: Host, log: Log) {
    this.#plan = plan;
    this.#host = host;
    this.#log = log;
  }

  /** Only enqueues: what follows is decided after what has happened before. */
  request(command: Command): void {
    this.#post(command);
  }

  /** Calls the listener for each event, in the turn in which it happens, and first for the present state of each child. */
  subscribe(listener: (event: SupervisorEvent) => void): Cancel {
    this.#listeners.add(listener);
    for (const event of changes(null, this.#state?.children ?? new Map())) listener(event);
    if (this.#state !== null && this.#state.phase !== 'running') listener({ type: 'dyno-stopping' });
    return () => this.#listeners.delete(listener);
  }

  async run(): Promise<Result> {
    const onSignal = (signal: ReceivedSignal): void =>
      this.#post(signal === 'second-SIGINT' ? { type: 'second-interrupt' } : { type: 'signal', signal });
    this.#cancels.add(this.#host.onSignal(onSignal));
    let state = this.#perform(begin(this.#plan, this.#host.clock.now()));
    try {
      while (state.phase !== 'done') state = this.#handle(state, await this.#queue.take());
    } catch (error) {
      this.#host.killAll(); // no stop can be decided any more
      throw error;
    } finally {
      for (const cancel of [...this.#cancels, ...this.#idleWatches.values()]) cancel();
    }
    for (const process of state.leftovers.ended) this.#log({ event: 'leftover', process, how: 'ended' });
    for (const process of state.leftovers.killed) this.#log({ event: 'leftover', process, how: 'killed' });
    return { ...outcome(state), exitAtMs: state.deadlines.exitAtMs };
  }

  #handle(state: State, event: Event): State {
    if (event.type === 'failed') return this.#perform(next(state, event, this.#plan));
    let result = state;
    this.#attempt(() => void (result = this.#perform(next(state, event, this.#plan))));
    return result;
  }

  /** After an internal error the dyno stops. The remaining listeners and effects still run. */
  #attempt(action: () => void): Error | null {
    try {
      action();
      return null;
    } catch (error) {
      return this.#fail(error as Error);
    }
  }

  #fail(error: Error): Error {
    this.#log({ event: 'internal-error', stack: error.stack ?? error.message });
    this.#post({ type: 'failed', reason: `internal error: ${error.message}` });
    return error;
  }

  /** The listeners learn of a change before its effects: the router stops sending requests to a child before its SIGTERM. */
  #perform([state, ...effects]: Transition): State {
    const before = this.#state?.children ?? null;
    this.#state = state;
    for (const event of changes(before, state.children)) this.#publish(event);
    for (const effect of effects) {
      const error = this.#attempt(() => this.#carryOut(effect));
      if (error === null || effect.type !== 'spawn') continue;
      // There is no process whose exit could be waited for.
      this.#post({ type: 'child-exited', child: effect.child, status: { kind: 'not-started', error } });
    }
    return state;
  }

  #publish(event: SupervisorEvent): void {
    for (const listener of this.#listeners) this.#attempt(() => listener(event));
  }

  #post(event: Occurrence): void {
    this.#queue.put({ ...event, atMs: this.#host.clock.now() });
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        return this.#spawn(effect.child);
      case 'signal':
        return this.#processes.get(effect.child)?.signal(effect.signal);
      case 'forward-signal':
        return this.#forward(effect);
      case 'scan':
        return this.#host.scan();
      case 'watch-idle':
        return this.#watchIdle(effect);
      case 'kill':
        return this.#kill(effect);
      case 'reap':
        return this.#reap(effect);
      case 'end-process':
        return this.#host.endProcess(effect.id, effect.killAfterMs);
      case 'schedule':
        return this.#schedule(effect.timer);
      case 'publish':
        return this.#publish(effect.event);
      case 'log':
        return this.#log(effect.event);
    }
  }

  #spawn(name: ChildName): void {
    const spec = specOf(this.#plan, name);
    if (spec === undefined) return;
    const process = this.#host.spawn(spec);
    this.#processes.set(name, process);
    void process.exited.then((status) => {
      this.#idleWatches.get(name)?.();
      this.#post({ type: 'child-exited', child: name, status });
    });
    void process.ready.then(() => this.#post({ type: 'child-ready', child: name }));
    if (process.pid !== null) this.#log({ event: 'started', child: name, command: spec.command, pid: process.pid });
    if (process.readinessUnknown === null) return;
    this.#log({ event: 'readiness-unknown', child: name, reason: process.readinessUnknown });
    this.#post({ type: 'readiness-unknown', child: name });
  }

  #forward({ children, signal }: EffectOf<'forward-signal'>): void {
    const receivers = children.filter((name) => this.#host.canHandle(name, signal));
    for (const name of receivers) this.#processes.get(name)?.signal(signal);
    this.#log({ event: 'signal-forwarded', signal, children: receivers });
  }

  #watchIdle({ child, startedAtMs }: EffectOf<'watch-idle'>): void {
    const spec = specOf(this.#plan, child);
    if (spec === undefined) return;
    const cancel = this.#host.whenIdle(spec, () => this.#post({ type: 'idle', child, startedAtMs }));
    this.#idleWatches.set(child, cancel);
  }

  #kill({ scope }: EffectOf<'kill'>): void {
    if (scope !== 'all') return this.#host.killTree(scope.child);
    this.#post({ type: 'reaped', scope: 'living', leftovers: { ended: [], killed: this.#host.killAll() } });
  }

  #reap({ scope, killAtMs }: EffectOf<'reap'>): void {
    const reaping = scope === 'all' ? this.#host.reapAll(killAtMs) : this.#host.reap(scope.child, killAtMs);
    const giveUp = (error: unknown): Leftovers => {
      this.#fail(error as Error);
      return { ended: [], killed: scope === 'all' ? this.#host.killAll() : [] };
    };
    void reaping.catch(giveUp).then((leftovers) => this.#post({ type: 'reaped', scope, leftovers }));
  }

  #schedule(timer: Timer): void {
    const { clock } = this.#host;
    const cancel = clock.after(timer.atMs - clock.now(), () => {
      this.#cancels.delete(cancel);
      this.#queue.put({ type: 'timeout', ...timer, atMs: Math.max(timer.atMs, clock.now()) });
    });
    this.#cancels.add(cancel);
  }
}

/** Events in the order of their arrival, for one reader. */
class EventQueue<T> {
  readonly #items: T[] = [];
  #wake = (): void => {};

  put(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  async take(): Promise<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
