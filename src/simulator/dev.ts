import { realpathSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError, UsageError } from '../errors.ts';
import type { Signals } from '../host/signals.ts';
import { DEV_USAGE } from './dev-usage.ts';
import { firstWords } from './first-words.ts';
import { listenForInterruption } from './interruption.ts';
import { parseDevOptions, type DevOptions } from './options.ts';
import { SCENES } from './rehearsal/scene-names.ts';
import { startSimulation, type Running, type Surroundings } from './simulate.ts';
import { openPage } from './watch/page.ts';
import { watchInTerminal } from './watch/terminal.ts';

/** `mstdn-supervise dev`: simulates the platform around the app of a folder, until somebody ends it. Gives the exit code.
 * @throws UsageError, ConfigError; nothing was started then */
export async function dev(words: readonly string[], env: NodeJS.ProcessEnv, signals: Signals): Promise<number> {
  if (words.includes('--help') || words.includes('-h')) {
    process.stdout.write(DEV_USAGE);
    return 0;
  }
  const options = parsed(words);
  const surroundings = { env, home: home(), interruption: listenForInterruption(signals) };
  if (!options.rehearse) return watch(options, surroundings);
  const { rehearse } = await import('./rehearsal/rehearse.ts');
  return rehearse(options, surroundings);
}

function parsed(words: readonly string[]): DevOptions {
  try {
    return parseDevOptions(words, SCENES);
  } catch (error) {
    if (error instanceof UsageError) error.message += '\nAll that dev takes: mstdn-supervise dev --help';
    throw error;
  }
}

/** The folder of this package: we are its bin/mstdn-supervise.js. */
function home(): string {
  return dirname(dirname(realpathSync(process.argv[1] ?? '')));
}

/** What a shell reports of one that was killed. */
const KILLED = 137;

async function watch(options: DevOptions, surroundings: Surroundings): Promise<number> {
  const { interruption, home, env } = surroundings;
  const running = await startSimulation(options, surroundings);
  writeSync(1, `${firstWords(running.app(), running.view().app.url)}\n`);
  const page = options.page ? await pageOf(running, join(home, 'dist/simulator/page')) : null;
  const quit = new AbortController();
  const quitAtOnce = new AbortController();
  const terminal = watchInTerminal(running, {
    input: process.stdin,
    output: process.stdout,
    env,
    pageUrl: page?.url ?? null,
    quit: () => quit.abort(),
    quitAtOnce: () => quitAtOnce.abort(),
  });
  const isWatched = page !== null || process.stdin.isTTY;
  const failed = running.released.then((how) => (how === 'failed' && !isWatched ? 1 : new Promise<never>(() => {})));
  const code = await Promise.race([failed, ...[interruption.first, quit.signal].map(aborted), running.quit]);
  const now = Promise.race([interruption.second, quitAtOnce.signal].map(aborted));
  const end = await Promise.race([
    running.stop().then(() => code ?? 0),
    now.then(() => running.kill()).then(() => KILLED),
  ]);
  await page?.close();
  await terminal.close();
  return end;
}

async function pageOf(running: Running, assets: string): Promise<Awaited<ReturnType<typeof openPage>>> {
  const port = Number(new URL(running.view().app.url).port) + 1;
  try {
    return await openPage(running, { port, assets });
  } catch (error) {
    await running.kill();
    throw new ConfigError([`the page: ${(error as Error).message}; another pair of ports: --port; or --no-page`]);
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
