import { ConfigError } from '../errors.ts';
import { clock } from '../host/clock.ts';
import { send } from '../host/sweep.ts';
import type { Action, Answer } from './action.ts';
import { readApp, type App } from './app.ts';
import { Dynos } from './dynos.ts';
import type { Edge, Target } from './edge/edge.ts';
import { Feed } from './feed.ts';
import { floodDyno } from './flood-dyno.ts';
import type { DevOptions } from './options.ts';
import { runRelease } from './release.ts';
import { isCurrent, type Slot } from './slot.ts';
import { PLATFORM, scaled, type Rules } from './rules.ts';
import { Streams } from './streams.ts';
import type { Happening, LogLine, LogPace, ReleaseView, View } from './view.ts';
import type { Workshop } from './workshop.ts';

export type Parts = {
  options: DevOptions;
  env: NodeJS.ProcessEnv;
  home: string;
  app: App;
  workshop: Workshop;
  databaseUrl: string | null;
};

/** Memory is looked at so often. */
const SAMPLE_MS = 500;
/** The release's own dyno is as large as the smallest. */
const RELEASE_QUOTA_BYTES = 512 * 2 ** 20;

/** The simulated platform: releases, dynos, their log, and what a person can do to them. */
export class Platform {
  readonly lines = new Feed<LogLine>();
  readonly happenings = new Feed<Happening>();
  readonly views = new Feed<void>();
  readonly #parts: Parts;
  readonly #dynos: Dynos;
  readonly #streams: Streams;
  readonly #abort = new AbortController();
  readonly #sampler: NodeJS.Timeout;
  #app: App;
  #edge: Edge | null = null;
  #release: ReleaseView = { version: 0, state: 'none' };
  #releasing: Promise<Answer> | null = null;
  #pace: LogPace;
  #quotaBytes: number | null;
  readonly rules: Rules;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { options, app } = parts;
    this.#app = app;
    this.#pace = options.logReader;
    this.#quotaBytes = options.quotaBytes;
    const cycle = options.cycleEveryMs === null ? {} : { cycleMs: options.cycleEveryMs, cycleSpreadMs: 0 };
    this.rules = { ...scaled(PLATFORM, options.timeScale), ...cycle };
    this.#streams = new Streams(() => this.views.tell());
    this.#dynos = new Dynos(
      {
        clock,
        rules: { ...this.rules, cycleExtraMs: Math.random() * this.rules.cycleSpreadMs },
        bear: (name, quotaBytes) => this.#bear(name, quotaBytes),
        say: (dyno, text) => this.#say('heroku', dyno, text),
        print: (dyno, text) => this.#say('app', dyno, text),
        happen: (what) => this.happen(what),
        changed: () => this.#changed(),
      },
      options.logReader,
    );
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  get app(): App {
    return this.#app;
  }

  /** The edge that asks us for dynos. */
  use(edge: Edge): void {
    this.#edge = edge;
  }

  say(text: string): void {
    this.#say('heroku', 'router', text);
  }

  happen(what: Omit<Happening, 'atMs'>): void {
    this.happenings.tell({ atMs: Date.now(), ...what });
  }

  /** Where a request goes now. */
  target(): Target {
    const web = this.#dynos.slots.filter(({ isWeb, state }) => isWeb && state !== 'down');
    const serving = web.flatMap((slot) => {
      const port = this.#dynos.portOf(slot);
      return port === null ? [] : [{ kind: 'dyno' as const, dyno: slot.name, port }];
    });
    const chosen = serving[Math.floor(Math.random() * serving.length)];
    if (chosen !== undefined) return chosen;
    if (web.some(isBooting) || (web.length === 0 && this.#releasing !== null)) return { kind: 'booting' };
    return { kind: 'none', code: web.length === 0 ? 'H14' : 'H10' };
  }

  view(): View {
    const { folder, standIns } = this.#app;
    const { url = '', openRequests = 0, openStreams = 0 } = this.#edge ?? {};
    return {
      atMs: Date.now(),
      app: { folder, standIns, url },
      release: this.#release,
      dynos: this.#dynos.views(),
      openRequests,
      openStreams,
      ownStreams: this.#streams.size,
      logReader: this.#pace,
      timeScale: this.#parts.options.timeScale,
    };
  }

  async act(action: Action): Promise<Answer> {
    try {
      const answer = await this.#do(action);
      this.views.tell();
      return answer;
    } catch (error) {
      return { ok: false, text: (error as Error).message };
    }
  }

  /** Release first, then the dynos; a release that fails leaves what runs running. */
  deploy(): Promise<Answer> {
    this.#releasing ??= this.#deploy().finally(() => (this.#releasing = null));
    return this.#releasing;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#releasing;
    await this.#dynos.stop();
    await this.#close();
  }

  async kill(): Promise<void> {
    this.#abort.abort();
    await this.#dynos.kill();
    await this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#sampler);
    this.#streams.close();
    await this.#edge?.close();
  }

  async #do(action: Action): Promise<Answer> {
    switch (action.do) {
      case 'deploy':
        return this.#releasing === null ? this.deploy() : { ok: false, text: 'a release is running' };
      case 'restart':
        return this.#restart(action.dyno);
      case 'kill':
        return this.#killProcess(action.pid, action.signal);
      case 'flood':
        return floodDyno(action, this.#dynos.views(), this.#app.standIns ? this.#parts.workshop.control : null);
      case 'open-stream':
        return this.#streams.open(this.#edge?.url ?? '');
      case 'close-stream':
        return this.#streams.closeOne();
      case 'quota':
        this.#quotaBytes = action.bytes;
        this.#dynos.resize(action.bytes);
        return this.#acted(`quota ${inMebibytes(action.bytes)}`, `the quota is ${inMebibytes(action.bytes)} now`);
      case 'log-reader':
        this.#pace = action.pace;
        this.#dynos.lives.pace(action.pace);
        return this.#acted(`log ${action.pace}`, `the log is read ${READ[action.pace]}`);
      case 'quit':
        return { ok: true, text: 'quitting' };
    }
  }

  async #deploy(): Promise<Answer> {
    const { options, env, home } = this.#parts;
    try {
      this.#app = await readApp({ ...options, quotaBytes: this.#quotaBytes }, env, home);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { ok: false, text: `not deployed: ${error.problems.join('; ')}` };
    }
    const version = this.#release.version + 1;
    this.#release = { version, state: 'running' };
    this.#say('app', 'api', `Release v${version} created`);
    this.happen({ dyno: null, kind: 'release', mark: `v${version}`, text: `release v${version}` });
    const status = this.#app.release === null ? 0 : await this.#runRelease(this.#app.release, version);
    const isGood = status === 0 && !this.#abort.signal.aborted;
    this.#release = { version, state: isGood ? 'succeeded' : 'failed' };
    if (isGood) this.#dynos.deploy(this.#app.dynos);
    else
      this.#say('app', 'api', `Release v${version} failed: its command ended with ${status}; what runs stays as it is`);
    this.happen({
      dyno: null,
      kind: 'release',
      mark: isGood ? 'deployed' : 'failed',
      text: `v${version} ${this.#release.state}`,
    });
    this.#changed();
    return {
      ok: isGood,
      text: isGood ? `v${version} is deployed` : `v${version} failed: the release ended with ${status}`,
    };
  }

  async #runRelease(command: string, version: number): Promise<number> {
    const name = `release.${version}`;
    const order = { name, hasPort: false, quotaBytes: RELEASE_QUOTA_BYTES };
    const birth = await this.#parts.workshop.make(this.#app, order, this.#parts.databaseUrl);
    return runRelease({
      command,
      birth,
      rules: this.rules,
      say: (text) => this.#say('heroku', name, text),
      print: (line) => this.#say('app', name, line),
      abort: this.#abort.signal,
    });
  }

  #bear(name: string, quotaBytes: number): ReturnType<Workshop['make']> {
    const order = { name, hasPort: name.startsWith('web.'), quotaBytes };
    return this.#parts.workshop.make(this.#app, order, this.#parts.databaseUrl);
  }

  #restart(dyno: string): Answer {
    const names = this.#dynos.slots.map(({ name }) => name);
    if (!names.includes(dyno)) return { ok: false, text: `no dyno ${dyno}: there are ${names.join(', ') || 'none'}` };
    this.#dynos.post(dyno, { kind: 'restart', why: 'by-hand' });
    return this.#acted('restart', `${dyno} restarts`, dyno);
  }

  #killProcess(pid: number, signal: NodeJS.Signals): Answer {
    const dyno = this.#dynos.lives.ownerOf(pid);
    if (dyno === null) return { ok: false, text: `process ${pid} is in no dyno of ours` };
    const found = this.#dynos.views().flatMap(({ runs }) => runs.flatMap(({ processes }) => processes));
    const label = found.find((one) => one.pid === pid)?.label ?? 'process';
    send(pid, signal);
    return this.#acted(`${signal} ${label}`, `${label} (pid ${pid}) of ${dyno} got ${signal}`, dyno);
  }

  #acted(mark: string, text: string, dyno: string | null = null): Answer {
    this.happen({ dyno, kind: 'action', mark, text });
    return { ok: true, text };
  }

  #sample(): void {
    this.#dynos.weigh();
    this.views.tell();
  }

  #changed(): void {
    this.#edge?.changed();
    this.views.tell();
  }

  #say(source: LogLine['source'], from: string, text: string): void {
    this.lines.tell({ atMs: Date.now(), source, from, text });
  }
}

const READ: Readonly<Record<LogPace, string>> = { full: 'as it comes', slow: 'slowly', stalled: 'not at all' };

function isBooting({ lives, state }: Slot): boolean {
  return state === 'starting' || lives.some((life) => life.phase === 'starting' && isCurrent(life));
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}M`;
}
