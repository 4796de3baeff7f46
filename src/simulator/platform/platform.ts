import { clock } from '../../process/runtime.ts';
import type { Action, Answer, LogPace } from '../action.ts';
import { type Edge, openEdge } from '../edge/edge.ts';
import { chooseTarget } from '../edge/target.ts';
import type { DevOptions } from '../options.ts';
import type { PlatformEvent, LogLine, View } from '../simulation.ts';
import { StreamingClients } from '../edge/streaming-clients.ts';
import type { App } from './app.ts';
import { Deployment, type DeploymentOptions } from './deployment.ts';
import { Dynos } from './dynos.ts';
import { EventFeed, type PlatformOutput } from './events.ts';
import type { InstanceConfig } from './instances.ts';
import { performAction } from './perform-action.ts';
import { PLATFORM, type Rules, scaleRules } from './rules.ts';

/** How often memory is measured. */
const SAMPLE_MS = 500;

/** The simulated platform: releases, dynos, their log, and the user's actions. */
export class Platform {
  readonly lines = new EventFeed<LogLine>();
  readonly events = new EventFeed<PlatformEvent>();
  readonly views = new EventFeed<void>();
  /** Resolves when the quit action is taken. */
  readonly quit: Promise<void>;
  readonly #options: DeploymentOptions;
  readonly #rules: Rules;
  readonly #output: PlatformOutput = {
    log: (source, from, text) => this.lines.emit({ atMs: Date.now(), source, from, text }),
    emit: (event) => this.events.emit({ atMs: Date.now(), ...event }),
  };
  readonly #deployment: Deployment;
  readonly #dynos: Dynos;
  readonly #streamingClients = new StreamingClients(() => this.views.emit());
  readonly #sampler: NodeJS.Timeout;
  #edge: Edge | null = null;
  #pace: LogPace;
  #requestQuit: () => void = () => {};

  constructor(app: App, options: DeploymentOptions) {
    this.#options = options;
    this.#pace = options.options.logReader;
    this.#rules = rulesFor(options.options);
    this.quit = new Promise((resolve) => (this.#requestQuit = resolve));
    this.#deployment = new Deployment(app, options, this.#rules, this.#output);
    const context = {
      clock,
      rules: this.#rules,
      createInstance: this.#createInstance.bind(this),
      output: this.#output,
      onChange: () => this.#changed(),
    };
    this.#dynos = new Dynos(context, this.#pace);
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  get app(): App {
    return this.#deployment.app;
  }

  /** port 0: any free one.
   * @throws Error that names the port if it is taken */
  async openEdge(port: number): Promise<void> {
    const dynos = this.#dynos;
    this.#edge = await openEdge({
      port,
      rules: this.#rules,
      target: () => chooseTarget(dynos.states, (dyno) => dynos.portOf(dyno), this.#deployment.isRunning),
      log: (text) => this.#output.log('heroku', 'router', text),
      emit: this.#output.emit,
    });
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
      ownStreams: this.#streamingClients.size,
      logReader: this.#pace,
      timeScale: this.#options.options.timeScale,
    };
  }

  async act(action: Action): Promise<Answer> {
    const context = {
      deployment: this.#deployment,
      dynos: this.#dynos,
      streamingClients: this.#streamingClients,
      url: this.#edge?.url ?? '',
      controlFolder: this.#options.instanceFactory.controlFolder,
      emit: this.#output.emit,
      setLogPace: (pace: LogPace) => this.#setLogPace(pace),
      quit: this.#requestQuit,
    };
    const answer = await performAction(action, context).catch((error: unknown) => ({
      ok: false,
      text: (error as Error).message,
    }));
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
    this.#streamingClients.close();
    await this.#edge?.close();
  }

  #createInstance(name: string, quotaBytes: number): Promise<InstanceConfig> {
    const request = { name, hasPort: name.startsWith('web.'), quotaBytes };
    return this.#options.instanceFactory.create(this.app, request, this.#options.databaseUrl);
  }

  #setLogPace(pace: LogPace): void {
    this.#pace = pace;
    this.#dynos.instances.setLogPace(pace);
  }

  #sample(): void {
    this.#deployment.updateProcesses();
    this.#dynos.measure();
    this.views.emit();
  }

  #changed(): void {
    this.#edge?.retarget();
    this.views.emit();
  }
}

function rulesFor({ timeScale, cycleEveryMs }: DevOptions): Rules {
  const cycle = cycleEveryMs === null ? {} : { cycleMs: cycleEveryMs, cycleSpreadMs: 0 };
  return { ...scaleRules(PLATFORM, timeScale), ...cycle };
}
