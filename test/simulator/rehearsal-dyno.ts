import { Feed } from '../../src/simulator/feed.ts';
import type { Action, Answer } from '../../src/simulator/action.ts';
import type { Cancel, Simulation } from '../../src/simulator/simulation.ts';
import type { DynoView, Happening, LogLine, ProcessView, RunView, View } from '../../src/simulator/view.ts';
import { HastyClock } from './hasty-clock.ts';

const MEBIBYTE = 2 ** 20;

/** How its one dyno behaves; the default is as one would have it. Durations in virtual milliseconds. */
export type Nature = {
  bootMs: number;
  stopMs: number;
  restBytes: number;
  /** Status and orphans of an end after a crash; null: nobody sees it. */
  crash: { status: number; left: number } | null;
  /** Error codes that a flood brings; R15 is the end of the dyno. */
  flood: readonly ('R14' | 'R15')[];
  /** What is flooded stays so. */
  isNotRelieved: boolean;
  /** R12 at the end of a stop. */
  stopCode: 'R12' | null;
  releaseFails: boolean;
  /** A failed release boots all the same. */
  bootsUnreleased: boolean;
};

const GOOD: Nature = {
  bootMs: 1000,
  stopMs: 500,
  restBytes: 200 * MEBIBYTE,
  crash: { status: 137, left: 0 },
  flood: ['R14'],
  isNotRelieved: false,
  stopCode: null,
  releaseFails: false,
  bootsUnreleased: false,
};

/** web.1 with a supervisor, a puma and a sidekiq, in virtual time. */
export class RehearsalDyno implements Simulation {
  readonly clock = new HastyClock();
  readonly nature: Nature;
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
  readonly #lines = new Feed<LogLine>();
  readonly #happenings = new Feed<Happening>();
  readonly #views = new Feed<void>();
  #born = 0;

  constructor(nature: Partial<Nature> = {}) {
    this.nature = { ...GOOD, ...nature };
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
    return this.#lines.on(listener);
  }

  onHappening(listener: (happening: Happening) => void): Cancel {
    return this.#happenings.on(listener);
  }

  onView(listener: () => void): Cancel {
    return this.#views.on(listener);
  }

  async act(action: Action): Promise<Answer> {
    this.actions.push(action);
    switch (action.do) {
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

  /** A new life, up after its boot. */
  boot(): void {
    const id = (this.#born += 1);
    const run: RunView = { id, phase: 'starting', startedAtMs: this.clock.now(), port: 1, bytes: null, processes: [] };
    this.#show({ state: 'starting', sinceMs: this.clock.now(), runs: [run, ...this.dyno.runs] });
    this.clock.after(this.nature.bootMs, () => {
      if (!this.dyno.runs.some((one) => one.id === id && one.phase === 'starting')) return;
      this.#change(id, { phase: 'up', bytes: this.nature.restBytes, processes: team(id * 100) });
      this.#show({ state: 'up', sinceMs: this.clock.now() });
    });
  }

  say(text: string): void {
    this.#lines.tell({ atMs: this.clock.now(), source: 'heroku', from: 'web.1', text });
  }

  #restart(): void {
    const old = this.dyno.runs.find(({ phase }) => phase !== 'stopping');
    if (old !== undefined) {
      this.#change(old.id, { phase: 'stopping' });
      this.clock.after(this.nature.stopMs, () => {
        if (this.nature.stopCode !== null) this.say('Error R12 (Exit timeout) -> …');
        this.#end(old.id, 0, 0);
      });
    }
    this.#show({ crashes: 0 });
    this.boot();
  }

  async #deploy(): Promise<Answer> {
    const { releaseFails, bootsUnreleased } = this.nature;
    this.release = { version: this.release.version + 1, state: 'running' };
    await new Promise<void>((resolve) => void this.clock.after(100, resolve));
    this.release = { ...this.release, state: releaseFails ? 'failed' : 'succeeded' };
    if (!releaseFails || bootsUnreleased) this.#restart();
    return { ok: !releaseFails, text: this.release.state };
  }

  #kill(pid: number): void {
    const run = this.dyno.runs.find(({ processes }) => processes.some((one) => one.pid === pid));
    const { crash } = this.nature;
    if (run === undefined || crash === null) return;
    this.#end(run.id, crash.status, crash.left);
    this.#show({ crashes: this.dyno.crashes + 1 });
    this.boot();
  }

  #flood(bytes: number): void {
    const run = this.dyno.runs[0];
    if (run === undefined) return;
    this.#change(run.id, { bytes });
    for (const code of this.nature.flood) this.say(`Error ${code} (Memory quota …)`);
    if (this.nature.flood.includes('R15')) {
      this.#end(run.id, 137, 0);
      this.boot();
    } else if (!this.nature.isNotRelieved)
      this.clock.after(500, () => this.#change(run.id, { bytes: this.nature.restBytes }));
  }

  #end(id: number, status: number, left: number): void {
    this.#show({ runs: this.dyno.runs.filter((run) => run.id !== id) });
    const text = `web.1 exited with status ${status}`;
    const exit = { status, left };
    this.#happenings.tell({ atMs: this.clock.now(), dyno: 'web.1', kind: 'exit', mark: `exit ${status}`, text, exit });
  }

  #change(id: number, change: Partial<RunView>): void {
    this.#show({ runs: this.dyno.runs.map((run) => (run.id === id ? { ...run, ...change } : run)) });
  }

  #show(change: Partial<DynoView>): void {
    this.dyno = { ...this.dyno, ...change };
    this.#views.tell();
  }

  #ok(): Answer {
    return { ok: true, text: 'done' };
  }
}

function team(from: number): ProcessView[] {
  return [
    { pid: from, depth: 0, label: 'supervisor', title: 'node mstdn-supervise web', bytes: 1 },
    { pid: from + 1, depth: 1, label: 'puma', title: 'puma 8.0.0 (tcp://127.0.0.1:1) [app]', bytes: 1 },
    { pid: from + 2, depth: 1, label: 'sidekiq', title: 'sidekiq 8.1.6 app [0 of 5 busy]', bytes: 1 },
  ];
}
