import { ConfigError } from '../errors.ts';
import { EXIT } from '../exit-status.ts';
import type { Answer } from './action.ts';
import { readApp, type App } from './app.ts';
import type { Dyno } from './dyno.ts';
import type { DevOptions } from './options.ts';
import { weighTree } from './process-tree.ts';
import { ReleaseMemory } from './release-memory.ts';
import { runRelease } from './release.ts';
import type { Rules } from './rules.ts';
import type { ReleaseView } from './view.ts';
import type { Voice } from './voice.ts';
import type { Workshop } from './workshop.ts';

export type Parts = {
  options: DevOptions;
  env: NodeJS.ProcessEnv;
  home: string;
  workshop: Workshop;
  databaseUrl: string | null;
};
/** The release's own dyno is as large as the smallest. */
const RELEASE_QUOTA_BYTES = 512 * 2 ** 20;

/** What is deployed: reads the app anew, runs its release command, and hands a good one over to the dynos. */
export class Deployment {
  /** As it was last deployed with success, or first read: whatever starts or restarts is made of it. */
  app: App;
  release: ReleaseView = { version: 0, state: 'none' };
  /** Set by hand since; wins over what the options say. */
  quotaBytes: number | null;
  readonly #parts: Parts;
  readonly #voice: Voice;
  readonly #rules: Rules;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  #running: Promise<Answer> | null = null;
  #command: { dyno: Dyno; memory: ReleaseMemory } | null = null;

  constructor(app: App, parts: Parts, rules: Rules, voice: Voice) {
    this.app = app;
    this.quotaBytes = parts.options.quotaBytes;
    this.#parts = parts;
    this.#rules = rules;
    this.#voice = voice;
  }

  /** No other release begins. */
  get hasEnded(): boolean {
    return this.#stop.signal.aborted;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Looks anew at the processes of a release that runs. */
  look(): void {
    if (this.#command === null) return;
    const { dyno, memory } = this.#command;
    const processes = dyno.look();
    this.release = { ...this.release, processes };
    memory.weigh(weighTree(processes) ?? 0, () => dyno.kill());
  }

  /** released: what to do with a good one; a failed one leaves what runs as it is. */
  deploy(released: (app: App) => void): Promise<Answer> {
    if (this.#running !== null) return Promise.resolve({ ok: false, text: 'a release is running' });
    this.#running = this.#deploy(released).finally(() => (this.#running = null));
    return this.#running;
  }

  /** Ends a release that runs, with TERM or at once; no other begins. */
  async end(atOnce: boolean): Promise<void> {
    this.#stop.abort();
    if (atOnce) this.#kill.abort();
    await this.#running;
  }

  async #deploy(released: (app: App) => void): Promise<Answer> {
    const app = await this.#read();
    if (typeof app === 'string') return { ok: false, text: app };
    const version = this.release.version + 1;
    this.release = { version, state: 'running' };
    this.#tell(`v${version}`, `Release v${version} created`);
    const status = await this.#runCommand(app, version);
    const isGood = status === 0 && !this.hasEnded;
    this.release = { version, state: isGood ? 'succeeded' : 'failed' };
    if (isGood) this.app = app;
    const failure = `Release v${version} failed: its command ended with status ${status}; what runs stays as it is`;
    this.#tell(isGood ? 'deploy' : 'release failed', isGood ? `Release v${version} is deployed` : failure);
    if (isGood) released(app);
    return { ok: isGood, text: isGood ? `v${version} is deployed` : failure };
  }

  /** What the files say now, or what is wrong with them. */
  async #read(): Promise<App | string> {
    const { options, env, home } = this.#parts;
    try {
      return await readApp({ ...options, quotaBytes: this.quotaBytes }, env, home);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return `not deployed: ${error.problems.join('; ')}`;
    }
  }

  async #runCommand(app: App, version: number): Promise<number> {
    if (app.release === null) return 0;
    const name = `release.${version}`;
    const print = (line: string): void => this.#voice.say('app', name, line);
    const order = { name, hasPort: false, quotaBytes: RELEASE_QUOTA_BYTES };
    const memory = new ReleaseMemory(name, RELEASE_QUOTA_BYTES, this.#rules, this.#voice);
    try {
      const birth = await this.#parts.workshop.make(app, order, this.#parts.databaseUrl);
      return await runRelease({
        command: app.release,
        birth,
        rules: this.#rules,
        say: (text) => this.#voice.say('heroku', name, text),
        print,
        began: (dyno) => (this.#command = { dyno, memory }),
        stop: this.#stop.signal,
        kill: this.#kill.signal,
      });
    } catch (error) {
      print(`could not start: ${(error as Error).message}`); // this machine has no room for it
      return EXIT.notExecutable;
    } finally {
      this.#command = null;
    }
  }

  #tell(mark: string, text: string): void {
    this.#voice.say('app', 'api', text);
    this.#voice.happen({ dyno: null, kind: 'release', mark, text });
  }
}
