import type { ExitStatus } from '../../src/exit-status.ts';
import type { Cancel, Child, Host, Leftovers, Process, ProcessId } from '../../src/host/host.ts';
import { FakeClock } from './clock.ts';

type Listener = Parameters<Host['onSignal']>[0];

/** A child whose readiness and end the test decides. */
export class FakeChild {
  readonly signals: string[] = [];
  exit: (status: ExitStatus) => void = () => {};
  becomeReady: () => void = () => {};
  readonly child: Child;

  constructor(pid: number) {
    this.child = {
      pid,
      exited: new Promise((resolve) => (this.exit = resolve)),
      ready: new Promise((resolve) => (this.becomeReady = resolve)),
      notWatched: null,
      signal: (name) => void this.signals.push(name),
    };
  }
}

export class FakeHost implements Host {
  readonly clock = new FakeClock();
  readonly children = new Map<string, FakeChild>();
  readonly listeners = new Set<Listener>();
  killedAll = 0;
  /** Until when what is left may live, and when it has gone. */
  readonly sweeps: number[] = [];
  sweepEnds: Promise<void> = Promise.resolve();
  readonly killedTrees: string[] = [];
  readonly clearedTrees: string[] = [];
  readonly sacrificed: number[] = [];
  readonly ended: [pid: number, killAfterMs: number | null][] = [];
  /** Who waits for which child to be idle. */
  readonly idle = new Map<string, () => void>();
  looks = 0;
  leftovers: Leftovers = { ended: [], killed: [] };
  #pid = 100;

  spawn({ name }: { name: string }): Child {
    return this.#start(name).child;
  }

  run({ name }: { name: string }): Promise<Process> {
    return Promise.resolve(this.#start(name).child);
  }

  onSignal = (listener: Listener): Cancel => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  look(): void {
    this.looks += 1;
  }

  hears(): boolean {
    return true;
  }

  whenIdle({ name }: { name: string }, idle: () => void): Cancel {
    this.idle.set(name, idle);
    return () => this.idle.delete(name);
  }

  killTree(child: string): void {
    this.killedTrees.push(child);
  }

  clearTree(child: string): Promise<Leftovers> {
    this.clearedTrees.push(child);
    return Promise.resolve(this.leftovers);
  }

  end({ pid }: ProcessId, killAfterMs: number | null): void {
    this.ended.push([pid, killAfterMs]);
  }

  sacrifice({ pid }: ProcessId): void {
    this.sacrificed.push(pid);
  }

  killAll(): string[] {
    this.killedAll += 1;
    return [];
  }

  sweep(untilMs: number): Promise<Leftovers> {
    this.sweeps.push(untilMs);
    return this.sweepEnds.then(() => this.leftovers);
  }

  signal(name: Parameters<Listener>[0]): void {
    for (const listener of this.listeners) listener(name);
  }

  of(name: string): FakeChild {
    const found = this.children.get(name);
    if (found === undefined) throw new Error(`${name} was not started`);
    return found;
  }

  #start(name: string): FakeChild {
    const started = new FakeChild((this.#pid += 1));
    this.children.set(name, started);
    return started;
  }
}
