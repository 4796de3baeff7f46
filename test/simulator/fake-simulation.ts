import type { Action, Answer } from '../../src/simulator/action.ts';
import type {
  Cancel,
  DynoView,
  PlatformEvent,
  LogLine,
  ProcessView,
  RunView,
  Simulation,
  View,
} from '../../src/simulator/simulation.ts';

export const MB = 2 ** 20;
/** Start time of the fake simulation. */
export const START_MS = Date.UTC(2026, 0, 2, 12);

/** A simulation whose view, log and events a test controls. Records actions. */
export class FakeSimulation implements Simulation {
  readonly actions: Action[] = [];
  answer: Answer = { ok: true, text: 'done as asked' };
  currentView: View;
  readonly #lines = new Set<(line: LogLine) => void>();
  readonly #events = new Set<(event: PlatformEvent) => void>();
  readonly #views = new Set<() => void>();

  constructor(view: Partial<View> = {}) {
    this.currentView = { ...aView(), ...view };
  }

  view(): View {
    return this.currentView;
  }

  act(action: Action): Promise<Answer> {
    this.actions.push(action);
    return Promise.resolve(this.answer);
  }

  onLine(listener: (line: LogLine) => void): Cancel {
    return listen(this.#lines, listener);
  }

  onEvent(listener: (event: PlatformEvent) => void): Cancel {
    return listen(this.#events, listener);
  }

  onView(listener: () => void): Cancel {
    return listen(this.#views, listener);
  }

  /** Whether all listeners were removed. */
  get hasNoListeners(): boolean {
    return this.#lines.size + this.#events.size + this.#views.size === 0;
  }

  show(change: Partial<View>): void {
    this.currentView = { ...this.currentView, ...change };
    for (const listener of this.#views) listener();
  }

  advance(byMs: number, change: Partial<View> = {}): void {
    this.show({ atMs: this.currentView.atMs + byMs, ...change });
  }

  log(text: string, more: Partial<LogLine> = {}): void {
    const line: LogLine = { atMs: this.currentView.atMs, source: 'app', from: 'web.1', text, ...more };
    for (const listener of this.#lines) listener(line);
  }

  emit(mark: string, more: Partial<PlatformEvent> = {}): void {
    const event: PlatformEvent = {
      atMs: this.currentView.atMs,
      dyno: 'web.1',
      kind: 'state',
      label: mark,
      text: mark,
      ...more,
    };
    for (const listener of this.#events) listener(event);
  }
}

export function aView(): View {
  return {
    atMs: START_MS,
    app: { folder: '/srv/mastodon', standIns: true, url: 'http://localhost:5006' },
    release: { version: 1, state: 'succeeded' },
    dynos: [aDyno()],
    openRequests: 0,
    openStreams: 0,
    ownStreams: 0,
    logReader: 'full',
    timeScale: 1,
  };
}

export function aDyno(change: Partial<DynoView> = {}): DynoView {
  return {
    name: 'web.1',
    state: 'up',
    sinceMs: START_MS,
    crashes: 0,
    restartsAtMs: null,
    quotaBytes: 512 * MB,
    runs: [aRun()],
    ...change,
  };
}

export function aRun(change: Partial<RunView> = {}): RunView {
  const processes = change.processes ?? [
    aProcess({ pid: 101, label: 'supervisor', title: 'mstdn-supervise web', bytes: 12 * MB }),
    aProcess({ pid: 102, depth: 1, label: 'puma', title: 'puma 6.4 (tcp://0.0.0.0:5006) [mastodon]', bytes: 180 * MB }),
    aProcess({ pid: 103, depth: 1, label: 'sidekiq', title: 'sidekiq 7.2 mastodon [0 of 5 busy]', bytes: 120 * MB }),
  ];
  const bytes = processes.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  return { id: 1, phase: 'up', startedAtMs: START_MS, port: 5100, bytes, processes, ...change };
}

export function aProcess(change: Partial<ProcessView>): ProcessView {
  return { pid: 100, depth: 0, label: 'ruby', title: 'ruby', bytes: MB, ...change };
}

function listen<T>(listeners: Set<T>, listener: T): Cancel {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
