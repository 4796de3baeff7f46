import { parseCommandLine, USAGE, type CommandLine, type Role } from './cli.ts';
import { ConfigError, EXIT, UsageError } from './exit-status.ts';
import { readMemoryFacts } from './linux/cgroup.ts';
import { useBlockingStderr } from './output/writer.ts';
import { Output } from './output/output.ts';
import { newRunId, readMachine } from './linux/read-machine.ts';
import { clock, readParent, withEnvFile, type Parent } from './process/runtime.ts';
import { listenToSignals, type Signals } from './process/signals.ts';
import { findQuota } from './memory/quota.ts';
import { makePlan } from './plan/plan.ts';
import type { Machine } from './plan/machine.ts';
import { readSettings, type Config, type Environment } from './config/settings.ts';
import { run } from './run.ts';

declare const __VERSION__: string;

/** Read and handled before anything else: the parent may exit, and a signal may come, at any moment. */
type Start = { parent: Parent; signals: Signals };

export { ConfigError, UsageError };

/** Command line and environment to exit code. The signals stay handled until the process exits, so that a late one does not change
 * its exit code.
 * @internal for bin/ */
export async function main(words: readonly string[], env: Environment): Promise<number> {
  const start = { parent: readParent(), signals: listenToSignals() };
  try {
    return await execute(parseCommandLine(words), env, start);
  } catch (error) {
    return await printError(error);
  }
}

/** Runs a dyno of this process type until it ends, in the current folder: what `mstdn-supervise ROLE` does. Handles the
 * signals of this process meanwhile.
 * @returns the exit code of the dyno, see docs/termination.md
 * @throws ConfigError with every problem of `env` or of the folder, UsageError for another role; nothing was started. */
export async function supervise(role: Role, env: Environment): Promise<number> {
  const start = { parent: readParent(), signals: listenToSignals() };
  try {
    parseCommandLine([role]);
    return await runRole(role, env, start);
  } finally {
    start.signals.close();
  }
}

async function execute(command: CommandLine, env: Environment, start: Start): Promise<number> {
  switch (command.kind) {
    case 'help':
      return print(1, `${USAGE}\n`);
    case 'version':
      return print(1, `${__VERSION__}\n`);
    case 'plan':
      return printPlans(command.roles, await withFile(env, command), command.json);
    case 'dev': {
      const { dev } = await import('./simulator/dev.ts');
      return dev(command.words, env, start.signals);
    }
    case 'run':
      return runRole(command.role, await withFile(env, command), start);
  }
}

async function runRole(role: Role, env: Environment, start: Start): Promise<number> {
  const config = readSettings(env);
  const machine = machineFor(config);
  const restoreStderr = useBlockingStderr();
  try {
    return await run(makePlan(role, config, machine), { env, settings: config.settings, machine, ...start });
  } finally {
    restoreStderr();
  }
}

async function printPlans(roles: readonly Role[], env: Environment, json: boolean): Promise<number> {
  const { describePlan, planAsData } = await import('./plan/describe.ts');
  const config = readSettings(env);
  const plans = roles.map((role) => makePlan(role, config, machineFor(config)));
  if (!json) return print(1, plans.map(describePlan).join('\n'));
  const data = plans.map(planAsData);
  return print(1, `${JSON.stringify(data.length === 1 ? data[0] : data, null, 2)}\n`);
}

function machineFor({ settings, env }: Config): Machine {
  const jemalloc = { enabled: settings.JEMALLOC_ENABLED === 'true', file: settings.SUPERVISE_JEMALLOC };
  const quota = findQuota({ quota: settings.SUPERVISE_MEMORY_QUOTA, dyno: env.DYNO }, readMemoryFacts());
  return { ...readMachine(newRunId(), jemalloc), quota };
}

function withFile(env: Environment, { envFile }: { envFile: string | null }): Environment | Promise<Environment> {
  return envFile === null ? env : withEnvFile(env, envFile);
}

/** Told apart by their codes: each file of the bundle has its own copy of the classes. */
async function printError(error: unknown): Promise<number> {
  if (hasCode<UsageError>(error, 'SUPERVISE_USAGE')) {
    await print(2, `mstdn-supervise: ${error.message}\n${USAGE}\n`);
    return EXIT.usage;
  }
  if (!hasCode<ConfigError>(error, 'SUPERVISE_CONFIG')) {
    await print(2, `mstdn-supervise: internal error: ${String(error instanceof Error ? error.stack : error)}\n`);
    return EXIT.internal;
  }
  await print(2, error.problems.map((problem) => `mstdn-supervise: ${problem}\n`).join(''));
  await print(2, `mstdn-supervise: nothing was started; exit code ${EXIT.config}\n`);
  return EXIT.config;
}

function hasCode<E extends { code: string }>(error: unknown, code: E['code']): error is E {
  return error instanceof Error && 'code' in error && error.code === code;
}

const MAX_PRINT_MS = 10_000;

async function print(fd: number, text: string): Promise<number> {
  const output = new Output(fd, clock, () => '');
  output.write(text);
  await output.close(MAX_PRINT_MS);
  return EXIT.ok;
}
