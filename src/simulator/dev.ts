import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Signals } from '../process/signals.ts';
import { DEV_USAGE } from './dev-usage.ts';
import { letGoOfGoneTerminals } from './gone-terminals.ts';
import { listenForInterruption } from './interruption.ts';
import { parseDevOptions, type DevOptions } from './options.ts';
import { print } from './print.ts';
import { SCENES } from './rehearsal/scene-names.ts';
import { startSimulation, type Surroundings } from './simulate.ts';
import { Eyes } from './watch/eyes.ts';

/** `mstdn-supervise dev`: simulates the platform around the app of a folder, until somebody ends it. Gives the exit code.
 * @throws UsageError, ConfigError; nothing was started then */
export async function dev(words: readonly string[], env: NodeJS.ProcessEnv, signals: Signals): Promise<number> {
  if (words.includes('--help') || words.includes('-h')) {
    await print(1, DEV_USAGE);
    return 0;
  }
  const options = parsed(words);
  letGoOfGoneTerminals();
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
  const { interruption } = surroundings;
  const eyes = new Eyes(options, surroundings);
  const running = await startSimulation(options, surroundings, (simulation) => eyes.open(simulation));
  const failed = running.released.then((how) => (how === 'failed' && !eyes.areOpen ? 1 : new Promise<never>(() => {})));
  const code = await Promise.race([failed, whenAborted(interruption.first), whenAborted(eyes.quit), running.quit]);
  const now = Promise.race([interruption.second, eyes.quitAtOnce].map(whenAborted));
  const killed = now.then(() => running.kill()).then(() => KILLED);
  await Promise.race([running.stop(), killed]);
  const end = [interruption.second, eyes.quitAtOnce].some(({ aborted }) => aborted) ? await killed : (code ?? 0);
  await eyes.close();
  return end;
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
