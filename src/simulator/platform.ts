import { clock } from '../process/clock.ts';
import { act } from './act.ts';
import type { Action, Answer } from './action.ts';
import type { App } from './app.ts';
import { Deployment, type Parts } from './deployment.ts';
import { Dynos } from './dynos.ts';
import type { Target } from './edge/edge-options.ts';
import type { Edge } from './edge/edge.ts';
import { Feed } from './feed.ts';
import type { Birth } from './lives.ts';
import type { DevOptions } from './options.ts';
import { PLATFORM, scaled, type Rules } from './rules.ts';
import { Streams } from './streams.ts';
import { targetOf } from './target.ts';
import type { Happening, LogLine, LogPace, View } from './view.ts';

/** Memory is looked at so often. */
const SAMPLE_MS = 500;

/** The simulated platform: releases, dynos, their log, and what a person can do to them. */
export class Platform {
  readonly lines = new Feed<LogLine>();
  readonly happenings = new Feed<Happening>();
  readonly views = new Feed<void>();
  readonly rules: Rules;
  /** Resolves when somebody chooses to quit. */
  readonly quit: Promise<void>;
  readonly #parts: Parts;
  readonly #deployment: Deployment;
  readonly #dynos: Dynos;
  readonly #streams = new Streams(() => this.views.tell());
  readonly #sampler: NodeJS.Timeout;
  #edge: Edge | null = null;
  #pace: LogPace;
  #quitting: () => void = () => {};

  constructor(app: App, parts: Parts) {
    this.#parts = parts;
    this.#pace = parts.options.logReader;
    this.rules = rulesOf(parts.options);
    this.quit = new Promise((resolve) => (this.#quitting = resolve));
    const happen = this.happen.bind(this);
    this.#deployment = new Deployment(app, parts, this.rules, { say: this.#say.bind(this), happen });
    const around = {
      clock,
      rules: this.rules,
      bear: this.#bear.bind(this),
      say: (dyno: string, text: string) => this.#say('heroku', dyno, text),
      print: (dyno: string, text: string) => this.#say('app', dyno, text),
      happen,
      changed: () => this.#changed(),
    };
    this.#dynos = new Dynos(around, this.#pace);
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  get app(): App {
    return this.#deployment.app;
  }

  /** The edge that asks us for dynos. */
  use(edge: Edge): void {
    this.#edge = edge;
  }

  /** A line of the edge. */
  route(text: string): void {
    this.#say('heroku', 'router', text);
  }

  happen(what: Omit<Happening, 'atMs'>): void {
    this.happenings.tell({ atMs: Date.now(), ...what });
  }

  /** Where a request goes now. */
  target(): Target {
    return targetOf(this.#dynos.slots, (slot) => this.#dynos.portOf(slot), this.#deployment.isRunning);
  }

  view(): View {
    const { folder, standIns } = this.app;
    const { url = '', openRequests = 0, openStreams = 0 } = this.#edge ?? {};
    return {
      atMs: Date.now(),
      app: { folder, standIns, url },
      release: this.#deployment.release,
      dynos: this.#dynos.views(),
      openRequests,
      openStreams,
      ownStreams: this.#streams.size,
      logReader: this.#pace,
      timeScale: this.#parts.options.timeScale,
    };
  }

  async act(action: Action): Promise<Answer> {
    const stage = {
      deployment: this.#deployment,
      dynos: this.#dynos,
      streams: this.#streams,
      url: this.#edge?.url ?? '',
      control: this.#parts.workshop.control,
      happen: this.happen.bind(this),
      read: (pace: LogPace) => this.#read(pace),
      quit: this.#quitting,
    };
    const answer = await act(action, stage).catch((error: unknown) => ({ ok: false, text: (error as Error).message }));
    this.#changed();
    return answer;
  }

  async stop(): Promise<void> {
    await this.#deployment.end(false);
    await this.#dynos.stop();
    await this.#close();
  }

  async kill(): Promise<void> {
    await Promise.all([this.#deployment.end(true), this.#dynos.kill()]);
    await this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#sampler);
    this.#streams.close();
    await this.#edge?.close();
  }

  #bear(name: string, quotaBytes: number): Promise<Birth> {
    const order = { name, hasPort: name.startsWith('web.'), quotaBytes };
    return this.#parts.workshop.make(this.app, order, this.#parts.databaseUrl);
  }

  #read(pace: LogPace): void {
    this.#pace = pace;
    this.#dynos.lives.pace(pace);
  }

  #sample(): void {
    this.#deployment.look();
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

function rulesOf({ timeScale, cycleEveryMs }: DevOptions): Rules {
  const cycle = cycleEveryMs === null ? {} : { cycleMs: cycleEveryMs, cycleSpreadMs: 0 };
  return { ...scaled(PLATFORM, timeScale), ...cycle };
}
