import { join } from 'node:path';
import { ConfigError } from '../exit-status.ts';
import { isTerminal } from '../output/writer.ts';
import type { DevOptions } from './options.ts';
import type { App } from './platform/app.ts';
import { formatMemory } from './platform/rules.ts';
import type { OpenSimulation, SimulationContext } from './start-simulation.ts';
import { ownTerminal, openTerminal } from './terminal/terminal.ts';
import { print, type TerminalUi } from './terminal/tty.ts';
import { openPage } from './web/server.ts';

/** The user interface: the terminal, and the page on the port after the app's. */
export class Ui {
  readonly #options: DevOptions;
  readonly #context: SimulationContext;
  readonly #quit = new AbortController();
  readonly #quitAtOnce = new AbortController();
  #page: Awaited<ReturnType<typeof openPage>> | null = null;
  #terminal: TerminalUi | null = null;

  constructor(options: DevOptions, context: SimulationContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Whether a user can act on what is shown. */
  get isInteractive(): boolean {
    return this.#page !== null || isTerminal(0);
  }

  get quit(): AbortSignal {
    return this.#quit.signal;
  }

  get quitNow(): AbortSignal {
    return this.#quitAtOnce.signal;
  }

  /** @throws ConfigError if the page's port is taken */
  async open(running: OpenSimulation): Promise<void> {
    const { env, packageFolder } = this.#context;
    const { url } = running.view().app;
    if (this.#options.page) {
      const appPort = Number(new URL(url).port || 80); // a URL omits its protocol's default port
      const options = { port: appPort + 1, assets: join(packageFolder, 'dist/simulator/page') };
      this.#page = await openPage(running, options).catch((error: unknown) => {
        throw new ConfigError([`the page: ${(error as Error).message}, or disable it with --no-page`]);
      });
    }
    await print(1, `${banner(running.app(), url, this.#page?.url ?? null)}\n`);
    this.#terminal = openTerminal(running, {
      ...ownTerminal(),
      env,
      pageUrl: this.#page?.url ?? null,
      quit: () => this.#quit.abort(),
      quitNow: () => this.#quitAtOnce.abort(),
    });
  }

  async close(): Promise<void> {
    await this.#page?.close();
    await this.#terminal?.close();
  }
}

/** The first lines of output: what runs and where, then notes for the admin. */
export function banner(app: App, url: string, pageUrl: string | null): string {
  const { standIns, folder, procfile, dynos, notes } = app;
  const what = standIns ? 'Stand-ins run here instead of Mastodon' : `The Mastodon in ${folder} runs here`;
  const names = dynos.map(({ name, quotaBytes }) => `${name} (${formatMemory(quotaBytes)})`);
  const page = pageUrl === null ? '' : `; watch it on ${pageUrl}`;
  const first = `${what}: ${url} - ${names.join(', ')} of ${procfile}${page}; Ctrl-C stops it`;
  return [first, ...notes.map((note) => `Note: ${note}`)].join('\n');
}
