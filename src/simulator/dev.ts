import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { EXIT, UsageError } from '../exit-status.ts';
import type { Signals } from '../process/signals.ts';
import { DEV_USAGE, type DevOptions, parseDevOptions } from './options.ts';
import { closeDeadTtys, print } from './terminal/tty.ts';
import { listenForInterruption, startSimulation, type SimulationContext, whenAborted } from './start-simulation.ts';
import { SCENARIOS } from './rehearsal/figures.ts';
import { Ui } from './ui.ts';

/** `mstdn-supervise dev`: simulates the platform around the app of a folder until it is stopped. Returns the exit code.
 * @throws UsageError, ConfigError before anything was started */
export async function dev(args: readonly string[], env: NodeJS.ProcessEnv, signals: Signals): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    await print(1, DEV_USAGE);
    return 0;
  }
  const options = parseOptions(args);
  closeDeadTtys();
  const context = { env, packageFolder: packageFolder(), interruption: listenForInterruption(signals) };
  if (!options.rehearse) return watch(options, context);
  const { rehearse } = await import('./rehearsal/rehearse.ts');
  return rehearse(options, context);
}

function parseOptions(args: readonly string[]): DevOptions {
  try {
    return parseDevOptions(args, SCENARIOS);
  } catch (error) {
    if (error instanceof UsageError) error.message += '\nSee mstdn-supervise dev --help';
    throw error;
  }
}

/** The folder of this package. process.argv[1] is its bin/mstdn-supervise.js. */
function packageFolder(): string {
  return dirname(dirname(realpathSync(process.argv[1] ?? '')));
}

async function watch(options: DevOptions, context: SimulationContext): Promise<number> {
  const { interruption } = context;
  const ui = new Ui(options, context);
  const running = await startSimulation(options, context, (simulation) => ui.open(simulation));
  const failed = running.released.then((outcome) =>
    outcome === 'failed' && !ui.isInteractive ? 1 : new Promise<never>(() => {}),
  );
  const code = await Promise.race([failed, whenAborted(interruption.first), whenAborted(ui.quit), running.quit]);
  const now = Promise.race([interruption.second, ui.quitNow].map(whenAborted));
  const killed = now.then(() => running.kill()).then(() => EXIT.killed);
  await Promise.race([running.stop(), killed]);
  const exitCode = [interruption.second, ui.quitNow].some(({ aborted }) => aborted) ? await killed : (code ?? 0);
  await ui.close();
  return exitCode;
}
