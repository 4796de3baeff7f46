import { parseCommandLine, USAGE, type Command, type Role } from './cli.ts';
import { ConfigError, UsageError } from './errors.ts';
import { EXIT } from './exit-status.ts';
import { readCgroups } from './host/cgroup.ts';
import { clock } from './host/clock.ts';
import { withEnvFile } from './host/env-file.ts';
import { keepStderr } from './host/keep-stderr.ts';
import { Output } from './host/output.ts';
import { newRunId, readPlace } from './host/place.ts';
import { readParent, type Parent } from './host/parent-shell.ts';
import { listenToSignals, type Signals } from './host/signals.ts';
import { findQuota } from './memory/quota.ts';
import { makePlan } from './plan/plan.ts';
import type { Place } from './plan/place.ts';
import { readSettings, type Environment, type Settings } from './plan/settings.ts';
import { runDyno } from './run-dyno.ts';

declare const __VERSION__: string;

/** What has to be taken hold of before anything else happens. */
type Start = { parent: Parent; signals: Signals };

export { ConfigError, UsageError };

/** Command line and environment to exit code. The signals stay ours until the process ends, so that a late one does not
 * end it in our place.
 * @internal for bin/ */
export async function main(words: readonly string[], env: Environment): Promise<number> {
  const start = { parent: readParent(), signals: listenToSignals() };
  try {
    return await obey(parseCommandLine(words), env, start);
  } catch (error) {
    return await complain(error);
  }
}

/** Runs a dyno of this process type until it ends, in the current folder: what `mstdn-supervise ROLE` does. Takes the
 * signals of this process meanwhile and gives them back.
 * @returns the exit code of the dyno, see docs/termination.md
 * @throws ConfigError with every problem of `env` or of the folder, UsageError for another role; nothing was started. */
export async function supervise(role: Role, env: Environment): Promise<number> {
  const start = { parent: readParent(), signals: listenToSignals() };
  try {
    parseCommandLine([role]);
    return await run(role, env, start);
  } finally {
    start.signals.close();
  }
}

async function obey(command: Command, env: Environment, start: Start): Promise<number> {
  switch (command.verb) {
    case 'help':
      return print(1, `${USAGE}\n`);
    case 'version':
      return print(1, `${__VERSION__}\n`);
    case 'plan':
      return printPlans(command.roles, await settled(env, command), command.json);
    case 'dev': {
      const { dev } = await import('./simulator/dev.ts');
      return dev(command.words, env, start.signals);
    }
    case 'run':
      return run(command.role, await settled(env, command), start);
  }
}

async function run(role: Role, env: Environment, start: Start): Promise<number> {
  const { settings } = readSettings(env);
  const place = placeFor(settings, env);
  const giveBack = keepStderr();
  try {
    return await runDyno(makePlan(role, env, place), { env, settings, place, ...start });
  } finally {
    giveBack();
  }
}

async function printPlans(roles: readonly Role[], env: Environment, json: boolean): Promise<number> {
  const { describePlan, planAsData } = await import('./plan/describe.ts');
  const plans = roles.map((role) => makePlan(role, env, placeFor(readSettings(env).settings, env)));
  if (!json) return print(1, plans.map(describePlan).join('\n'));
  const data = plans.map(planAsData);
  return print(1, `${JSON.stringify(data.length === 1 ? data[0] : data, null, 2)}\n`);
}

/** Where we are, seen with what this environment says of it. */
function placeFor(settings: Settings, env: Environment): Place {
  const jemalloc = { enabled: settings.JEMALLOC_ENABLED === 'true', file: settings.SUPERVISE_JEMALLOC };
  const quota = findQuota({ quota: settings.SUPERVISE_MEMORY_QUOTA, dyno: env.DYNO }, readCgroups());
  return { ...readPlace(newRunId(), jemalloc), quota };
}

function settled(env: Environment, { envFile }: { envFile: string | null }): Environment | Promise<Environment> {
  return envFile === null ? env : withEnvFile(env, envFile);
}

/** Told apart by their codes: each file of the bundle has its own copy of the classes. */
async function complain(error: unknown): Promise<number> {
  if (isOurs<UsageError>(error, 'SUPERVISE_USAGE')) {
    await print(2, `mstdn-supervise: ${error.message}\n${USAGE}\n`);
    return EXIT.usage;
  }
  if (!isOurs<ConfigError>(error, 'SUPERVISE_CONFIG')) {
    await print(2, `mstdn-supervise: a mistake of ours: ${String(error instanceof Error ? error.stack : error)}\n`);
    return EXIT.internal;
  }
  await print(2, error.problems.map((problem) => `mstdn-supervise: ${problem}\n`).join(''));
  await print(2, `mstdn-supervise: nothing was started; exit code ${EXIT.config}\n`);
  return EXIT.config;
}

function isOurs<E extends { code: string }>(error: unknown, code: E['code']): error is E {
  return error instanceof Error && 'code' in error && error.code === code;
}

const PRINT_AT_MOST_MS = 10_000;

async function print(fd: number, text: string): Promise<number> {
  const output = new Output(fd, clock, () => '');
  output.write(text);
  await output.close(PRINT_AT_MOST_MS);
  return EXIT.ok;
}
