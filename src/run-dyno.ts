import { EXIT, toExitCode, type ExitStatus } from './exit-status.ts';
import type { Because } from './facts.ts';
import { clock } from './host/clock.ts';
import { favourMemory } from './host/favour-memory.ts';
import { findCommand } from './host/find-command.ts';
import { limitsOfThisMachine } from './host/limits.ts';
import { NodeHost } from './host/node-host.ts';
import { Output, OUR_LAST_LINES_MS } from './host/output.ts';
import { whenParentShellEnds, type Parent } from './host/parent-shell.ts';
import type { Signals } from './host/signals.ts';
import { isTerminal } from './host/terminal.ts';
import { createLog } from './log.ts';
import { describeInShort } from './plan/in-short.ts';
import type { Place } from './plan/place.ts';
import type { Environment, Settings } from './plan/settings.ts';
import type { Plan } from './plan/spec.ts';
import { routeDyno } from './route-dyno.ts';
import { supervise } from './supervisor/supervise.ts';
import { watchMemory, type Around } from './watch-memory.ts';

type Surroundings = { env: Environment; settings: Settings; place: Place; parent: Parent; signals: Signals };
/** leaveAtMs: when we must be gone, at the latest. */
type Ending = { code: number; reason: string; leaveAtMs: number } & Because;

/** How long a reader that has stalled gets for our last lines, the budget allowing. */
const LAST_LINES_MS = 5000;
/** What is kept of the time between leaving and the platform's KILL. */
const AFTER_LEAVING_MS = 100;

/** By then everything that a dyno at work needs of us is loaded. */
const SETTLED_AFTER_MS = 1000;

/** Runs a plan to its end and says why it ended. Gives the exit code. */
export async function runDyno(plan: Plan, { env, settings, place, parent, signals }: Surroundings): Promise<number> {
  const format = settings.SUPERVISE_LOG_FORMAT ?? (isTerminal(1) ? 'pretty' : 'json');
  const stdout = new Output(1, clock, droppedLine);
  const stderr = new Output(2, clock, droppedLine);
  for (const output of [stdout, stderr]) output.open();
  const latest = { line: '' };
  const write = (line: string): void => void stdout.write((latest.line = line));
  const log = createLog({ format, level: settings.SUPERVISE_LOG_LEVEL, write });
  const prefixed = settings.SUPERVISE_LOG_PREFIX === 'true' ? { stdout, stderr } : null;
  const host = new NodeHost({ env, folder: place.folder, runId: place.runId, signals, prefixed });

  const around: Around = { host, log, print: (line) => void stdout.write(line), dyno: place.runId };
  const isRouting = plan.kind === 'serve' && plan.router !== null;
  const ending = carryOut(plan, around, env, place);
  const cancelFavour = clock.after(SETTLED_AFTER_MS, () => favourMemory(isRouting));
  const forgetShell = whenParentShellEnds(parent, () => signals.post('SIGTERM'));
  const { leaveAtMs, ...outcome } = await ending;
  forgetShell();
  cancelFavour();
  const patience = (): number => Math.max(0, Math.min(LAST_LINES_MS, leaveAtMs + AFTER_LEAVING_MS - clock.now()));
  await host.close(Math.max(0, patience() - OUR_LAST_LINES_MS));
  for (const output of [stdout, stderr]) output.endPassing();
  await log.written();
  latest.line = ''; // SUPERVISE_LOG_LEVEL may suppress the outcome
  log.tell({ fact: 'outcome', ...outcome });
  const [isWritten] = await Promise.all([stdout.close(patience()), stderr.drain(patience())]);
  if (!isWritten) stderr.write(latest.line);
  await stderr.close(patience());
  return outcome.code;
}

async function carryOut(plan: Plan, around: Around, env: Environment, place: Place): Promise<Ending> {
  const { host, log } = around;
  log.tell({ fact: 'plan', text: describeInShort(plan) });
  for (const text of plan.warnings) log.tell({ fact: 'warning', text });
  const running = missingCommand(plan, env, place) ?? start(plan, around);
  for (const text of limitsOfThisMachine(host.guarded)) log.tell({ fact: 'warning', text });
  return running;
}

/** Nothing of a plan is started when a part of it could not be. */
function missingCommand(plan: Plan, env: Environment, { folder }: Place): Ending | null {
  if (plan.kind === 'nothing') return null;
  for (const { name, command } of plan.kind === 'serve' ? plan.children : plan.steps) {
    const found = findCommand(command[0], env.PATH, folder);
    if ('path' in found) continue;
    const status: ExitStatus = { kind: 'not-started', error: found.error };
    const reason = `${name}: ${found.error.message}; nothing was started`;
    const code = toExitCode(status);
    return { code, reason, cause: 'child-exited', child: name, status, afterMs: 0, leaveAtMs: Infinity };
  }
  return null;
}

async function start(plan: Plan, around: Around): Promise<Ending> {
  const { host, log } = around;
  switch (plan.kind) {
    case 'nothing':
      return { code: EXIT.ok, reason: plan.reason, cause: 'done', leaveAtMs: Infinity };
    case 'release': {
      const { release } = await import('./release/release.ts');
      return release(plan, host, log.tell);
    }
    case 'serve': {
      const watched = watchMemory(plan, around);
      if (plan.router === null) return supervise(plan, host, watched.tell, watched.measures);
      const routed = await routeDyno(plan.router, watched);
      if (typeof routed === 'string') return notStarted(routed);
      const ending = await supervise(plan, host, routed.tell, routed.measures);
      await routed.close(ending.leaveAtMs, host.secondInterrupt);
      return ending;
    }
  }
}

function notStarted(why: string): Ending {
  return { code: EXIT.config, reason: `${why}; nothing was started`, cause: 'done', leaveAtMs: Infinity };
}

function droppedLine(count: number): string {
  return `mstdn-supervise: ${count} log lines were dropped here, because nobody read them\n`;
}
