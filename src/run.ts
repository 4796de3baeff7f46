import type { Environment, Settings } from './config/settings.ts';
import { EXIT, toExitCode, type ExitStatus } from './exit-status.ts';
import { platformWarnings } from './linux/read-machine.ts';
import type { ExitReason, Log } from './log/events.ts';
import { createLogger, type EventLog } from './log/logger.ts';
import type { MemoryGuard } from './memory/guard.ts';
import { LAST_LINES_RESERVE_MS, Output } from './output/output.ts';
import { isTerminal } from './output/writer.ts';
import type { Machine } from './plan/machine.ts';
import type { Plan, RouterPlan, ServePlan } from './plan/spec.ts';
import { summarize } from './plan/plan.ts';
import { makeSocketFolder, removeIfPossible } from './process/child-files.ts';
import { findCommand } from './process/find-command.ts';
import { NodeHost } from './process/node-host.ts';
import { clock, preferMemoryOverSpeed, whenParentShellEnds, type Parent } from './process/runtime.ts';
import type { Signals } from './process/signals.ts';
import type { Router } from './router/router.ts';
import { Supervisor } from './supervisor/supervisor.ts';

export type Surroundings = {
  env: Environment;
  settings: Settings;
  machine: Machine;
  parent: Parent;
  signals: Signals;
};
/** exitAtMs: when this process must be gone, at the latest. */
type Result = { code: number; reason: string; exitAtMs: number } & ExitReason;
/** print: writes a line as it is. */
type Context = { host: NodeHost; log: EventLog; print: (line: string) => void; runId: string };

/** Whether a line is written: each; the last one, which is kept for stderr and stays empty where SUPERVISE_LOG_LEVEL suppresses it;
 * none any more. */
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

/** Joins supervisor, router and memory guard. The port is bound before any child starts: it is free at once or not at all. */
async function serve(plan: ServePlan, context: Context): Promise<Result> {
  const { host, log } = context;
  const supervisor = new Supervisor(plan, host, log.log);
  const router = plan.router === null ? null : await openRouter(plan.router, supervisor, log.log);
  if (typeof router === 'string') {
    return { code: EXIT.config, reason: `${router}; nothing was started`, cause: 'done', exitAtMs: Infinity };
  }
  const running = supervisor.run();
  const ended = new AbortController();
  const guard = startGuard(plan, supervisor, context, ended.signal).catch((error: unknown) => {
    log.log({ event: 'warning', text: `memory is not watched: ${(error as Error).message}` });
    return null;
  });
  const result = await running;
  ended.abort();
  void guard.then((started) => started?.close());
  if (router === null || plan.router === null) return result;
  const closedAtOnce = host.secondInterrupt.then(() => router.close());
  await Promise.race([router.close(Math.max(0, result.exitAtMs - clock.now())), closedAtOnce]);
  removeIfPossible(plan.router.folder, true);
  return result;
}

/** @returns what is in the way, as a sentence, where the port cannot be opened. */
async function openRouter(plan: RouterPlan, supervisor: Supervisor, log: Log): Promise<Router | string> {
  try {
    makeSocketFolder(plan.folder);
  } catch (error) {
    return `${plan.folder} for the sockets of puma and streaming cannot be made: ${(error as Error).message}`;
  }
  try {
    const { Router } = await import('./router/router.ts');
    const router = new Router({ plan, clock, log, sendCommand: (command) => supervisor.request(command) });
    const address = await router.listen();
    log({ event: 'listening', address });
    supervisor.subscribe((event) => router.onEvent(event));
    return router;
  } catch (error) {
    removeIfPossible(plan.folder, true);
    return describeListenError(error as NodeJS.ErrnoException, plan);
  }
}

/** Loads the guard once the children have started and the log is there. It samples until it is closed.
 * @returns null where there is nothing to watch, or where the dyno has ended meanwhile. */
async function startGuard(
  plan: ServePlan,
  supervisor: Supervisor,
  { host, log, print, runId }: Context,
  ended: AbortSignal,
): Promise<MemoryGuard | null> {
  const { guard: mode, quota, logEveryMs } = plan.memory;
  if ((mode === 'off' || quota === null) && logEveryMs === null) return null;
  await log.written();
  const [{ MemoryGuard }, { memoryReader }] = await Promise.all([
    import('./memory/guard.ts'),
    import('./linux/memory-reader.ts'),
  ]);
  if (ended.aborted) return null;
  const reader = memoryReader(() => host.trackedProcesses(), quota?.cgroup ?? null, clock);
  if (reader === null) {
    log.log({ event: 'warning', text: 'no /proc to read here: memory is not watched' });
    return null;
  }
  const guard = new MemoryGuard({
    plan,
    reader,
    clock,
    log: log.log,
    sendCommand: (command) => supervisor.request(command),
    preferForOomKill: (id) => host.preferForOomKill(id),
    print,
    dyno: runId,
  });
  supervisor.subscribe((event) => guard.onEvent(event));
  guard.start();
  return guard;
}

function describeListenError({ code = '', message }: NodeJS.ErrnoException, { port, bind }: RouterPlan): string {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT=${port}: expected a free port, and another process listens there already`;
    case 'EACCES':
      return `PORT=${port}: expected a port that this user may listen on, such as one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `BIND=${String(bind)}: expected an address of this machine`;
    default:
      return `PORT=${port}: ${message}`;
  }
}

function droppedLines(count: number): string {
  return `mstdn-supervise: ${count} log lines were dropped here, because the reader of the log stalled\n`;
}
