import type { Environment, Settings } from './config/settings.ts';
import { EXIT, toExitCode, type ExitStatus } from './exit-status.ts';
import { platformWarnings } from './linux/read-machine.ts';
import type { Result } from './log/events.ts';
import { createLogger } from './log/logger.ts';
import { LAST_LINES_RESERVE_MS, Output } from './output/output.ts';
import { isTerminal } from './output/writer.ts';
import type { Machine } from './plan/machine.ts';
import type { Plan } from './plan/spec.ts';
import { summarize } from './plan/plan.ts';
import { findCommand } from './process/find-command.ts';
import { NodeHost } from './process/node-host.ts';
import { clock, preferMemoryOverSpeed, whenParentShellEnds, type Parent } from './process/runtime.ts';
import type { Signals } from './process/signals.ts';
import { serve, type Context } from './serve.ts';

type Surroundings = {
  env: Environment;
  settings: Settings;
  machine: Machine;
  parent: Parent;
  signals: Signals;
};
/** open: every line is written. outcome: the next line is the last one and is kept for stderr; SUPERVISE_LOG_LEVEL may suppress it.
 * closed: no line is written. */
type LogState = { state: 'open' } | { state: 'outcome'; line: string } | { state: 'closed' };

/** How long a stalled reader gets for the last lines, if there is so much time. */
const LAST_LINES_MS = 5000;
/** From the last moment for the last lines to the platform's SIGKILL there is a little more time than this. */
const AFTER_EXIT_MS = 100;
/** By then every module that a running dyno needs is loaded. */
const LOADED_AFTER_MS = 1000;

/** Runs a plan to its end and logs why it ended. Gives the exit code. */
export async function run(plan: Plan, { env, settings, machine, parent, signals }: Surroundings): Promise<number> {
  const format = settings.SUPERVISE_LOG_FORMAT ?? (isTerminal(1) ? 'pretty' : 'json');
  const stdout = new Output(1, clock, droppedLines);
  const stderr = new Output(2, clock, droppedLines);
  for (const output of [stdout, stderr]) output.open();
  let logState: LogState = { state: 'open' };
  const write = (line: string): void => {
    if (logState.state === 'closed') return;
    if (logState.state === 'outcome') logState.line = line;
    stdout.write(line);
  };
  const log = createLogger({ format, level: settings.SUPERVISE_LOG_LEVEL, write });
  const prefixed = settings.SUPERVISE_LOG_PREFIX === 'true' ? { stdout, stderr } : null;
  const { folder, runId } = machine;
  const host = new NodeHost({ env, folder, runId, signals, prefixed });

  const running = carryOut(plan, { host, log, print: (line) => void stdout.write(line), runId }, env, folder);
  const hasRouter = plan.kind === 'serve' && plan.router !== null;
  const cancelFlags = clock.after(LOADED_AFTER_MS, () => preferMemoryOverSpeed(hasRouter));
  const cancelParent = whenParentShellEnds(parent, () => signals.post('SIGTERM'));
  const { exitAtMs, ...outcome } = await running;
  cancelParent();
  cancelFlags();

  const remainingMs = (): number => Math.max(0, Math.min(LAST_LINES_MS, exitAtMs + AFTER_EXIT_MS - clock.now()));
  await host.close(Math.max(0, remainingMs() - LAST_LINES_RESERVE_MS));
  for (const output of [stdout, stderr]) output.endChildOutput();
  await log.written();
  const last = { state: 'outcome' as const, line: '' };
  logState = last;
  log.log({ event: 'outcome', ...outcome });
  logState = { state: 'closed' };
  const [isWritten] = await Promise.all([stdout.close(remainingMs()), stderr.drain(remainingMs())]);
  if (!isWritten) stderr.write(last.line);
  await stderr.close(remainingMs());
  return outcome.code;
}

async function carryOut(plan: Plan, context: Context, env: Environment, folder: string): Promise<Result> {
  const { host, log } = context;
  log.log({ event: 'plan', text: summarize(plan) });
  for (const text of plan.warnings) log.log({ event: 'warning', text });
  const running = missingCommand(plan, env, folder) ?? start(plan, context);
  for (const text of platformWarnings(host.hasPdeathsig)) log.log({ event: 'warning', text });
  return running;
}

/** Nothing of a plan is started when a part of it could not be. */
function missingCommand(plan: Plan, env: Environment, folder: string): Result | null {
  if (plan.kind === 'nothing') return null;
  for (const { name, command } of plan.kind === 'serve' ? plan.children : plan.steps) {
    const found = findCommand(command[0], env.PATH, folder);
    if ('path' in found) continue;
    const status: ExitStatus = { kind: 'not-started', error: found.error };
    const reason = `${name}: ${found.error.message}; nothing was started`;
    const code = toExitCode(status);
    return { code, reason, cause: 'child-exited', child: name, status, afterMs: 0, exitAtMs: Infinity };
  }
  return null;
}

async function start(plan: Plan, context: Context): Promise<Result> {
  switch (plan.kind) {
    case 'nothing':
      return { code: EXIT.ok, reason: plan.reason, cause: 'done', exitAtMs: Infinity };
    case 'release': {
      const { release } = await import('./release/release.ts');
      return release(plan, context.host, context.log.log);
    }
    case 'serve':
      return serve(plan, context);
  }
}

function droppedLines(count: number): string {
  return `mstdn-supervise: ${count} log lines were dropped here, because the reader of the log stalled\n`;
}
