import { EventFeed } from '../../../src/simulator/platform/events.ts';
import type { Action, Answer } from '../../../src/simulator/action.ts';
import type {
  Cancel,
  DynoView,
  PlatformEvent,
  LogLine,
  ProcessView,
  RunView,
  Simulation,
  View,
} from '../../../src/simulator/simulation.ts';
import { VirtualClock } from './virtual-clock.ts';

const MEBIBYTE = 2 ** 20;

/** The behaviour of the fake dyno. By default nothing is bad. Durations in virtual milliseconds. */
export type FakeDynoOptions = {
  bootMs: number;
  stopMs: number;
  restBytes: number;
  /** The exit after a crash. null: no exit is observed. */
  crash: { status: number; orphans: number } | null;
  /** Error codes caused by a flood. R15 ends the dyno. */
  flood: readonly ('R14' | 'R15')[];
  /** Flooded memory stays. */
  isNotRelieved: boolean;
  /** R12 at the end of a stop. */
  stopCode: 'R12' | null;
  releaseFails: boolean;
  /** A failed release boots anyway. */
  bootsUnreleased: boolean;
};

const DEFAULTS: FakeDynoOptions = {
  bootMs: 1000,
  stopMs: 500,
  restBytes: 200 * MEBIBYTE,
  crash: { status: 137, orphans: 0 },
  flood: ['R14'],
  isNotRelieved: false,
  stopCode: null,
  releaseFails: false,
  bootsUnreleased: false,
};

/** A simulation of web.1 with a supervisor, a puma and a sidekiq, in virtual time. */
export class FakeDyno implements Simulation {
  readonly clock = new VirtualClock();
  readonly options: FakeDynoOptions;
  readonly actions: Action[] = [];
  dyno: DynoView = {
    name: 'web.1',
    state: 'down',
    sinceMs: 0,
    crashes: 0,
    restartsAtMs: null,
    quotaBytes: 512 * MEBIBYTE,
    runs: [],
  };
  release: View['release'] = { version: 1, state: 'succeeded' };
  standIns = true;
  logReader: View['logReader'] = 'full';
  readonly #lines = new EventFeed<LogLine>();
  readonly #events = new EventFeed<PlatformEvent>();
  readonly #views = new EventFeed<void>();
  #instanceCount = 0;

  constructor(nature: Partial<FakeDynoOptions> = {}) {
    this.options = { ...DEFAULTS, ...nature };
  }

  view(): View {
    return {
      atMs: this.clock.now(),
      app: { folder: '/app', standIns: this.standIns, url: 'http://localhost:5006' },
      release: this.release,
      dynos: [this.dyno],
      openRequests: 0,
      openStreams: 0,
      ownStreams: 0,
      logReader: this.logReader,
      timeScale: 10,
    };
  }

  onLine(listener: (line: LogLine) => void): Cancel {
    return this.#lines.subscribe(listener);
  }

  onEvent(listener: (event: PlatformEvent) => void): Cancel {
    return this.#events.subscribe(listener);
  }

  onView(listener: () => void): Cancel {
    return this.#views.subscribe(listener);
  }

  async act(action: Action): Promise<Answer> {
    this.actions.push(action);
    switch (action.type) {
      case 'log-reader':
        this.logReader = action.pace;
        return this.#ok();
      case 'restart':
        this.#restart();
        return this.#ok();
      case 'deploy':
        return this.#deploy();
      case 'kill':
        this.#kill(action.pid);
        return this.#ok();
      case 'flood':
        this.#flood(action.bytes);
        return this.#ok();
      case 'open-stream':
      case 'close-stream':
      case 'quota':
      case 'quit':
        return { ok: false, text: 'not in this fake' };
    }
  }

  /** Starts an instance, which is up after its boot time. */
  boot(): void {
    const id = (this.#instanceCount += 1);
    const run: RunView = { id, phase: 'starting', startedAtMs: this.clock.now(), port: 1, bytes: null, processes: [] };
    this.#show({ state: 'starting', sinceMs: this.clock.now(), runs: [run, ...this.dyno.runs] });
    this.clock.after(this.options.bootMs, () => {
      if (!this.dyno.runs.some((one) => one.id === id && one.phase === 'starting')) return;
      this.#change(id, { phase: 'up', bytes: this.options.restBytes, processes: processes(id * 100) });
      this.#show({ state: 'up', sinceMs: this.clock.now() });
    });
  }

  log(text: string): void {
    this.#lines.emit({ atMs: this.clock.now(), source: 'heroku', from: 'web.1', text });
  }

  #restart(): void {
    const old = this.dyno.runs.find(({ phase }) => phase !== 'stopping');
    if (old !== undefined) {
      this.#change(old.id, { phase: 'stopping' });
      this.clock.after(this.options.stopMs, () => {
        if (this.options.stopCode !== null) this.log('Error R12 (Exit timeout) -> …');
        this.#end(old.id, 0, 0);
      });
    }
    this.#show({ crashes: 0 });
    this.boot();
  }

  async #deploy(): Promise<Answer> {
    const { releaseFails, bootsUnreleased } = this.options;
    this.release = { version: this.release.version + 1, state: 'running' };
    await new Promise<void>((resolve) => void this.clock.after(100, resolve));
    this.release = { ...this.release, state: releaseFails ? 'failed' : 'succeeded' };
    if (!releaseFails || bootsUnreleased) this.#restart();
    return { ok: !releaseFails, text: this.release.state };
  }

  #kill(pid: number): void {
    const run = this.dyno.runs.find(({ processes }) => processes.some((one) => one.pid === pid));
    const { crash } = this.options;
    if (run === undefined || crash === null) return;
    this.#end(run.id, crash.status, crash.orphans);
    this.#show({ crashes: this.dyno.crashes + 1 });
    this.boot();
  }

  #flood(bytes: number): void {
    const run = this.dyno.runs[0];
    if (run === undefined) return;
    this.#change(run.id, { bytes });
    for (const code of this.options.flood) this.log(`Error ${code} (Memory quota …)`);
    if (this.options.flood.includes('R15')) {
      this.#end(run.id, 137, 0);
      this.boot();
    } else if (!this.options.isNotRelieved)
      this.clock.after(500, () => this.#change(run.id, { bytes: this.options.restBytes }));
  }

  #end(id: number, status: number, orphans: number): void {
    this.#show({ runs: this.dyno.runs.filter((run) => run.id !== id) });
    const text = `web.1 exited with status ${status}`;
    const exit = { status, orphans };
    this.#events.emit({ atMs: this.clock.now(), dyno: 'web.1', kind: 'exit', label: `exit ${status}`, text, exit });
  }

  #change(id: number, change: Partial<RunView>): void {
    this.#show({ runs: this.dyno.runs.map((run) => (run.id === id ? { ...run, ...change } : run)) });
  }

  #show(change: Partial<DynoView>): void {
    this.dyno = { ...this.dyno, ...change };
    this.#views.emit();
  }

  #ok(): Answer {
    return { ok: true, text: 'done' };
  }
}

function processes(from: number): ProcessView[] {
  return [
    { pid: from, depth: 0, label: 'supervisor', title: 'node mstdn-supervise web', bytes: 1 },
    { pid: from + 1, depth: 1, label: 'puma', title: 'puma 8.0.0 (tcp://127.0.0.1:1) [app]', bytes: 1 },
    { pid: from + 2, depth: 1, label: 'sidekiq', title: 'sidekiq 8.1.6 app [0 of 5 busy]', bytes: 1 },
  ];
}
