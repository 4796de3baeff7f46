import type { ExitStatus } from '../../src/exit-status.ts';
import type { Cancel, ObservedProcess, Host, Leftovers, Process, ProcessId, ReceivedSignal } from '../../src/host.ts';
import { FakeClock } from './clock.ts';

type Listener = Parameters<Host['onSignal']>[0];

/** A child that becomes ready and exits when the test says so. */
export class FakeChild {
  readonly signals: string[] = [];
  exit: (status: ExitStatus) => void = () => {};
  becomeReady: () => void = () => {};
  readonly child: ObservedProcess;

  constructor(pid: number) {
    this.child = {
      pid,
      exited: new Promise((resolve) => (this.exit = resolve)),
      ready: new Promise((resolve) => (this.becomeReady = resolve)),
      readinessUnknown: null,
      signal: (name) => void this.signals.push(name),
    };
  }
}

export class FakeHost implements Host {
  readonly clock = new FakeClock();
  readonly children = new Map<string, FakeChild>();
  readonly listeners = new Set<Listener>();
  killedAll = 0;
  /** The deadline of each call of `reapAll`. */
  readonly reapedAllUntilMs: number[] = [];
  /** `reap` resolves after this. */
  reapEnds: Promise<void> = Promise.resolve();
  /** `reapAll` resolves after this. */
  reapAllEnds: Promise<void> = Promise.resolve();
  readonly killedTrees: string[] = [];
  readonly reapedChildren: string[] = [];
  readonly preferredForOomKill: number[] = [];
  readonly ended: [pid: number, killAfterMs: number | null][] = [];
  /** Callbacks of `whenIdle`, by the name of the child. */
  readonly idle = new Map<string, () => void>();
  scans = 0;
  leftovers: Leftovers = { ended: [], killed: [] };
  #pid = 100;
  #interrupts = 0;

  spawn({ name }: { name: string }): ObservedProcess {
    return this.#start(name).child;
  }

  runCommand({ name }: { name: string }): Promise<Process> {
    return Promise.resolve(this.#start(name).child);
  }

  onSignal = (listener: Listener): Cancel => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  scan(): void {
    this.scans += 1;
  }

  canHandle(): boolean {
    return true;
  }

  whenIdle({ name }: { name: string }, onIdle: () => void): Cancel {
    this.idle.set(name, onIdle);
    return () => this.idle.delete(name);
  }

  killTree(child: string): void {
    this.killedTrees.push(child);
  }

  reap(child: string): Promise<Leftovers> {
    this.reapedChildren.push(child);
    return this.reapEnds.then(() => this.leftovers);
  }

  endProcess({ pid }: ProcessId, killAfterMs: number | null): void {
    this.ended.push([pid, killAfterMs]);
  }

  preferForOomKill({ pid }: ProcessId): void {
    this.preferredForOomKill.push(pid);
  }

  killAll(): string[] {
    this.killedAll += 1;
    return [];
  }

  reapAll(untilMs: number): Promise<Leftovers> {
    this.reapedAllUntilMs.push(untilMs);
    return this.reapAllEnds.then(() => this.leftovers);
  }

  /** Delivers a signal as process/signals.ts does: the second SIGINT arrives as `second-SIGINT`. */
  signal(name: Exclude<ReceivedSignal, 'second-SIGINT'>): void {
    if (name === 'SIGINT') this.#interrupts += 1;
    const signal = name === 'SIGINT' && this.#interrupts === 2 ? 'second-SIGINT' : name;
    for (const listener of this.listeners) listener(signal);
  }

  of(name: string): FakeChild {
    const child = this.children.get(name);
    if (child === undefined) throw new Error(`${name} was not started`);
    return child;
  }

  #start(name: string): FakeChild {
    const started = new FakeChild((this.#pid += 1));
    this.children.set(name, started);
    return started;
  }
}
