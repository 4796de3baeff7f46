import { join } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { isTerminal } from '../../output/writer.ts';
import { firstWords } from '../first-words.ts';
import type { DevOptions } from '../options.ts';
import { print } from '../print.ts';
import type { Running, Surroundings } from '../simulate.ts';
import { openPage } from './page.ts';
import type { Watching } from './terminal-options.ts';
import { ownTerminal, watchInTerminal } from './terminal.ts';

/** A person's ways to watch: the terminal, and the page beside the app's port. */
export class Eyes {
  readonly #options: DevOptions;
  readonly #surroundings: Surroundings;
  readonly #quit = new AbortController();
  readonly #quitAtOnce = new AbortController();
  #page: Awaited<ReturnType<typeof openPage>> | null = null;
  #terminal: Watching | null = null;

  constructor(options: DevOptions, surroundings: Surroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
  }

  /** Somebody who could act on what is seen. */
  get areOpen(): boolean {
    return this.#page !== null || isTerminal(0);
  }

  get quit(): AbortSignal {
    return this.#quit.signal;
  }

  get quitAtOnce(): AbortSignal {
    return this.#quitAtOnce.signal;
  }

  /** @throws ConfigError where the page's port is taken */
  async open(running: Running): Promise<void> {
    const { env, home } = this.#surroundings;
    const { url } = running.view().app;
    if (this.#options.page) this.#page = await pageOf(running, portOf(url) + 1, home);
    await print(1, `${firstWords(running.app(), url, this.#page?.url ?? null)}\n`);
    this.#terminal = watchInTerminal(running, {
      ...ownTerminal(),
      env,
      pageUrl: this.#page?.url ?? null,
      quit: () => this.#quit.abort(),
      quitAtOnce: () => this.#quitAtOnce.abort(),
    });
  }

  async close(): Promise<void> {
    await this.#page?.close();
    await this.#terminal?.close();
  }
}

/** A URL does not name the port that is its protocol's own. */
function portOf(url: string): number {
  return Number(new URL(url).port || 80);
}

async function pageOf(running: Running, port: number, home: string): Promise<Awaited<ReturnType<typeof openPage>>> {
  try {
    return await openPage(running, { port, assets: join(home, 'dist/simulator/page') });
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError([`the page: ${message}, or go without it with --no-page`]);
  }
}
