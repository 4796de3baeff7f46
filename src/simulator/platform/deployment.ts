import { ConfigError, EXIT } from '../../exit-status.ts';
import type { Answer } from '../action.ts';
import type { DevOptions } from '../options.ts';
import type { ReleaseView } from '../simulation.ts';
import { type App, readApp } from './app.ts';
import type { DynoProcess } from './instances.ts';
import type { PlatformOutput } from './events.ts';
import type { InstanceFactory } from './instance-factory.ts';
import { treeBytes } from './process-tree.ts';
import { releaseMemory, runRelease } from './release.ts';
import type { Rules } from './rules.ts';

export type DeploymentOptions = {
  options: DevOptions;
  env: NodeJS.ProcessEnv;
  packageFolder: string;
  instanceFactory: InstanceFactory;
  databaseUrl: string | null;
};
/** The release dyno has the smallest size. */
const RELEASE_QUOTA_BYTES = 512 * 2 ** 20;

/** Reads the app, runs its release command and, if that succeeds, deploys the app to the dynos. */
export class Deployment {
  /** The app as last deployed, or as first read. All starts and restarts use it. */
  app: App;
  release: ReleaseView = { version: 0, state: 'none' };
  /** Set by the quota action. Overrides the options. */
  quotaBytes: number | null;
  readonly #options: DeploymentOptions;
  readonly #output: PlatformOutput;
  readonly #rules: Rules;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  #running: Promise<Answer> | null = null;
  #command: { dyno: DynoProcess; onMemory: (bytes: number) => void } | null = null;

  constructor(app: App, options: DeploymentOptions, rules: Rules, output: PlatformOutput) {
    this.app = app;
    this.quotaBytes = options.options.quotaBytes;
    this.#options = options;
    this.#rules = rules;
    this.#output = output;
  }

  /** No new release starts. */
  get hasEnded(): boolean {
    return this.#stop.signal.aborted;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Updates the processes of a running release. */
  updateProcesses(): void {
    if (this.#command === null) return;
    const { dyno, onMemory } = this.#command;
    const processes = dyno.readProcesses();
    this.release = { ...this.release, processes };
    onMemory(treeBytes(processes) ?? 0);
  }

  /** onReleased is called after a successful release. A failed one leaves the running dynos unchanged. */
  deploy(onReleased: (app: App) => void): Promise<Answer> {
    if (this.#running !== null) return Promise.resolve({ ok: false, text: 'a release is running' });
    this.#running = this.#deploy(onReleased).finally(() => (this.#running = null));
    return this.#running;
  }

  /** Stops a running release, with TERM or SIGKILL, and prevents new ones. */
  async end(atOnce: boolean): Promise<void> {
    this.#stop.abort();
    if (atOnce) this.#kill.abort();
    await this.#running;
  }

  async #deploy(onReleased: (app: App) => void): Promise<Answer> {
    const app = await this.#read();
    if (typeof app === 'string') return { ok: false, text: app };
    const version = this.release.version + 1;
    this.release = { version, state: 'running' };
    this.#report(`v${version}`, `Release v${version} created`);
    const status = await this.#runCommand(app, version);
    const isGood = status === 0 && !this.hasEnded;
    this.release = { version, state: isGood ? 'succeeded' : 'failed' };
    if (isGood) this.app = app;
    const failure = `Release v${version} failed: its command exited with status ${status}; the running dynos stay unchanged`;
    this.#report(isGood ? 'deploy' : 'release failed', isGood ? `Release v${version} is deployed` : failure);
    if (isGood) onReleased(app);
    return { ok: isGood, text: isGood ? `v${version} is deployed` : failure };
  }

  /** The app, or what is wrong with its files. */
  async #read(): Promise<App | string> {
    const { options, env, packageFolder } = this.#options;
    try {
      return await readApp({ ...options, quotaBytes: this.quotaBytes }, env, packageFolder);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return `not deployed: ${error.problems.join('; ')}`;
    }
  }

  async #runCommand(app: App, version: number): Promise<number> {
    if (app.release === null) return 0;
    const name = `release.${version}`;
    const print = (line: string): void => this.#output.log('app', name, line);
    const request = { name, hasPort: false, quotaBytes: RELEASE_QUOTA_BYTES };
    const onStart = (dyno: DynoProcess): void => {
      const onMemory = releaseMemory(name, RELEASE_QUOTA_BYTES, this.#rules, this.#output, () => dyno.kill());
      this.#command = { dyno, onMemory };
    };
    try {
      const config = await this.#options.instanceFactory.create(app, request, this.#options.databaseUrl);
      return await runRelease({
        command: app.release,
        config,
        rules: this.#rules,
        platformLine: (text) => this.#output.log('heroku', name, text),
        appLine: print,
        onStart,
        stop: this.#stop.signal,
        kill: this.#kill.signal,
      });
    } catch (error) {
      print(`cannot start: ${(error as Error).message}`); // such as EAGAIN or EMFILE on this machine
      return EXIT.notExecutable;
    } finally {
      this.#command = null;
    }
  }

  #report(label: string, text: string): void {
    this.#output.log('app', 'api', text);
    this.#output.emit({ dyno: null, kind: 'release', label, text });
  }
}
