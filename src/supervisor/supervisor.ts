import type { ChildChanged, Command, SupervisorEvent } from '../commands.ts';
import type { Cancel, ObservedProcess, Host, Leftovers, ReceivedSignal } from '../host.ts';
import type { Log } from '../log/events.ts';
import type { ChildName, ChildSpec, ServePlan } from '../plan/spec.ts';
import { specOf } from './children.ts';
import { outcome, type RunResult } from './outcome.ts';
import { begin } from './start.ts';
import type { ChildState, Children, Effect, Event, EventOf, State, Timer, Transition } from './state.ts';
import { next } from './transitions.ts';

type Listener = (event: SupervisorEvent) => void;
type Reaped = EventOf<'reaped'>;

/** Runs a dyno to its end: take an event, decide, perform. */
export class Supervisor {
  readonly #plan: ServePlan;
  readonly #host: Host;
  readonly #log: Log;
  readonly #queue = new EventQueue<Event>();
  readonly #processes = new Map<ChildName, ObservedProcess>();
  readonly #idleWatches = new Map<ChildName, Cancel>();
  readonly #cancels = new Set<Cancel>();
  readonly #listeners = new Set<Listener>();
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
  subscribe(listener: Listener): Cancel {
    this.#listeners.add(listener);
    for (const [name, child] of this.#state?.children ?? []) listener(changed(name, child));
    if (this.#state !== null && this.#state.phase !== 'running') listener({ type: 'dyno-stopping' });
    return () => this.#listeners.delete(listener);
  }

  /** @returns the outcome, and when this process must be gone, on the monotonic clock. */
  async run(): Promise<RunResult & { exitAtMs: number }> {
    const { clock } = this.#host;
    this.#cancels.add(this.#host.onSignal((signal) => this.#post(toEvent(signal))));
    let state = this.#perform(begin(this.#plan, clock.now()));
    while (state.phase !== 'done') state = this.#handle(state, await this.#queue.take());
    for (const cancel of [...this.#cancels, ...this.#idleWatches.values()]) cancel();
    for (const process of state.leftovers.ended) this.#log({ event: 'leftover', process, how: 'ended' });
    for (const process of state.leftovers.killed) this.#log({ event: 'leftover', process, how: 'killed' });
    return { ...outcome(state), exitAtMs: state.deadlines.exitAtMs };
  }

  #handle(state: State, event: Event): State {
    try {
      return this.#perform(next(state, event, this.#plan));
    } catch (error) {
      if (event.type === 'failed') {
        this.#host.killAll(); // no stop can be decided any more
        throw error;
      }
      this.#fail(error as Error);
      return state;
    }
  }

  /** An internal error: the dyno stops as for any other reason. */
  #fail({ message, stack = message }: Error): void {
    this.#log({ event: 'internal-error', stack });
    this.#post({ type: 'failed', reason: `internal error: ${message}` });
  }

  /** One listener or effect that fails does not keep the others from their part. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** The listeners learn of a change before its effects: the router stops sending requests to a child before its SIGTERM. */
  #perform([state, ...effects]: Transition): State {
    const before: Children = this.#state?.children ?? new Map<ChildName, ChildState>();
    this.#state = state;
    for (const [name, child] of state.children) {
      const previous = before.get(name);
      const event = changed(name, child);
      if (previous === undefined || !isSame(changed(name, previous), event)) this.#publish(event);
    }
    for (const effect of effects) this.#attempt(() => this.#carryOut(effect));
    return state;
  }

  #publish(event: SupervisorEvent): void {
    for (const listener of this.#listeners) this.#attempt(() => listener(event));
  }

  #post(event: Command | DistributiveOmit<Event, 'atMs'>): void {
    this.#queue.put({ ...event, atMs: this.#host.clock.now() });
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        return this.#start(effect.child);
      case 'signal':
        return this.#processes.get(effect.child)?.signal(effect.signal);
      case 'forward-signal':
        return this.#forward(effect);
      case 'scan':
        return this.#host.scan();
      case 'watch-idle':
        return this.#watchIdle(effect.child, effect.startedAtMs);
      case 'kill':
        return this.#kill(effect.scope);
      case 'reap':
        return this.#reap(effect.scope, effect.killAtMs);
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

  /** A child that could not be started for an internal error has exited: a stop waits for it no longer. */
  #start(name: ChildName): void {
    const spec = specOf(this.#plan, name);
    if (spec === undefined) return;
    try {
      this.#watch(spec, this.#host.spawn(spec));
    } catch (error) {
      this.#fail(error as Error);
      this.#post({ type: 'child-exited', child: name, status: { kind: 'not-started', error: error as Error } });
    }
  }

  #watch({ name, command }: ChildSpec, process: ObservedProcess): void {
    this.#processes.set(name, process);
    void process.exited.then((status) => {
      this.#idleWatches.get(name)?.();
      this.#post({ type: 'child-exited', child: name, status });
    });
    void process.ready.then(() => this.#post({ type: 'child-ready', child: name }));
    if (process.pid !== null) this.#log({ event: 'started', child: name, command, pid: process.pid });
    if (process.readinessUnknown === null) return;
    this.#log({ event: 'readiness-unknown', child: name, reason: process.readinessUnknown });
    this.#post({ type: 'readiness-unknown', child: name });
  }

  #forward({ children, signal }: Extract<Effect, { type: 'forward-signal' }>): void {
    const receivers = children.filter((name) => this.#host.canHandle(name, signal));
    for (const name of receivers) this.#processes.get(name)?.signal(signal);
    this.#log({ event: 'signal-forwarded', signal, children: receivers });
  }

  #watchIdle(child: ChildName, startedAtMs: number): void {
    const spec = specOf(this.#plan, child);
    if (spec === undefined) return;
    this.#idleWatches.set(
      child,
      this.#host.whenIdle(spec, () => this.#post({ type: 'idle', child, startedAtMs })),
    );
  }

  #kill(scope: Extract<Effect, { type: 'kill' }>['scope']): void {
    if (scope !== 'all') return this.#host.killTree(scope.child);
    this.#post({ type: 'reaped', scope: 'living', leftovers: { ended: [], killed: this.#host.killAll() } });
  }

  #reap(scope: Exclude<Reaped['scope'], 'living'>, killAtMs: number): void {
    const reaping = scope === 'all' ? this.#host.reapAll(killAtMs) : this.#host.reap(scope.child, killAtMs);
    void reaping
      .catch((error: unknown): Leftovers => {
        this.#fail(error as Error);
        return { ended: [], killed: [] };
      })
      .then((leftovers) => this.#post({ type: 'reaped', scope, leftovers }));
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

function toEvent(signal: ReceivedSignal): DistributiveOmit<Event, 'atMs'> {
  return signal === 'second-SIGINT' ? { type: 'second-interrupt' } : { type: 'signal', signal };
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function changed(child: ChildName, { process }: ChildState): ChildChanged {
  const readiness = process.state === 'ready' ? process.readiness : null;
  return { type: 'child-changed', child, state: process.state, readiness };
}

function isSame(before: ChildChanged, now: ChildChanged): boolean {
  return before.state === now.state && before.readiness === now.readiness;
}

/** Events in the order of their arrival, for one reader. */
class EventQueue<T> {
  readonly #items: T[] = [];
  #reader: ((item: T) => void) | null = null;

  put(item: T): void {
    const reader = this.#reader;
    this.#reader = null;
    if (reader) reader(item);
    else this.#items.push(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => (this.#reader = resolve));
  }
}
