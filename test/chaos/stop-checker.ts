import type { Analysis } from './causes.ts';
import {
  isOutcome,
  KILL_AFTER_MS,
  killsOf,
  mayMissLastLines,
  namesCause,
  namesCode,
  parseLog,
  saysKilled,
  type LogEvent,
} from './history.ts';
import { isRouted, type ChildName, type Scenario } from './scenario.ts';
import { exitsAtDeadline, mayEndBeforeStop, secondInterruptMs, secondInterrupts, type Trace } from './traces.ts';

/** Behind the router, puma gets its TERM when no request is in flight, or after this time. */
const DRAIN_MS = KILL_AFTER_MS / 3;
/** Time from TERM to KILL for a process that has left its child's session. */
const DAEMON_GRACE_MS = 1000;
/** Time for the supervisor to notice an exit and to scan for leftover processes. */
const SCAN_MS = 300;
const KILL_TAKES_MS = 500;
/** The longest request, which puma finishes before it exits. */
const REQUEST_MS = 400;

/** Every process gets its TERM at the stop, and none that would have exited in time is killed. */
export function checkStop(analysis: Analysis): string[] {
  const { traces, stop, early } = analysis;
  if (stop.toMs === Infinity) return [];
  const strict = traces.filter((trace) => !early.has(trace));
  const working = strict.filter(({ role }) => role === 'leader' || role === 'wrapped');
  const killed = strict.filter((trace) => trace.wasKilledByDyno);
  return [
    ...working.flatMap((trace) => checkTerm(analysis, trace)),
    ...checkSecondInterrupt(analysis),
    ...killed.flatMap((trace) => checkKill(analysis, trace)),
  ];
}

function checkTerm({ scenario, history, stop, slackMs }: Analysis, trace: Trace): string[] {
  const { fromMs, toMs } = stop;
  const { child, role, termsAtMs, injectedTermsAtMs, killedAtMs } = trace;
  const early = termsAtMs.filter((atMs) => atMs < fromMs - 1);
  if (early.length > injectedTermsAtMs.length) return [`${child} got a TERM before the stop`];
  if (killedAtMs !== null || isSuspendedInStop(trace, fromMs, slackMs)) return [];
  const growthMs = scenario.memory === 'off' ? 0 : 300; // Perl handles no signal while it allocates.
  const dueMs = Math.max(toMs, trace.startedAtMs) + termDelayMs(scenario, child) + slackMs + growthMs;
  if (trace.exitsUnrequested && trace.goneAtMs <= dueMs) return [];
  const atMs = termAtMs(trace, fromMs);
  if (atMs === null) {
    // After a second INT everything is killed at once.
    return secondInterruptMs(history) <= dueMs ? [] : [`${role} of ${child} never got its TERM`];
  }
  const lateMs = Math.round(atMs - dueMs);
  return lateMs <= 0 ? [] : [`${role} of ${child} got its TERM ${lateMs} ms late`];
}

/** When the dyno sent the first TERM. After an injected TERM only those since the stop count, which may include another injected one. */
function termAtMs({ termsAtMs, injectedTermsAtMs }: Trace, stopMs: number): number | null {
  const terms = injectedTermsAtMs.length === 0 ? termsAtMs : termsAtMs.filter((atMs) => atMs >= stopMs - 1);
  return terms[0] ?? null;
}

/** Time from the stop to the TERM. A wrapped process gets it once the exit of its wrapper was noticed. */
function termDelayMs(scenario: Scenario, child: ChildName): number {
  const drainMs = child === 'puma' && isRouted(scenario) ? DRAIN_MS : 0;
  return drainMs + (scenario.behaviors[child].wrapper === null ? 0 : SCAN_MS);
}

function checkKill(analysis: Analysis, trace: Trace): string[] {
  const { scenario, history, traces, stop, slackMs } = analysis;
  const { child, role, pid } = trace;
  if (mayBeKilled(analysis, trace)) return [];
  const termMs = termAtMs(trace, stop.fromMs);
  if (termMs === null) {
    // What a child has started gets no TERM while the child lives, and is killed with it.
    const isKilledWith = (other: Trace): boolean =>
      other.child === child &&
      (other.isFirst || other.role === 'wrapped') &&
      (other.wasKilledByDyno || exitsAtDeadline(other, stop, history, SCAN_MS));
    return traces.some(isKilledWith) ? [] : [`${role} ${pid} of ${child} was killed without a TERM`];
  }
  const { onTerm } = scenario.behaviors[child];
  const drainMs = onTerm.kind === 'ignore' ? 0 : onTerm.afterMs + (child === 'puma' ? REQUEST_MS : 0);
  const exitMs = termMs + (trace.isDaemon ? 0 : drainMs) + slackMs;
  const isInTime = exitMs < earliestKillMs(analysis, trace, termMs);
  return isInTime ? [`${role} ${pid} of ${child} was killed, and would have exited in time`] : [];
}

/** Nothing is required of the TERM of a process that was suspended during the stop, or just before. */
function isSuspendedInStop({ suspendedAtMs }: Trace, fromMs: number, slackMs: number): boolean {
  return suspendedAtMs.some((atMs) => atMs >= fromMs - slackMs);
}

/** The process ignores TERM, or exits at an unknown time. */
function mayBeKilled({ scenario, stop: { fromMs }, slackMs }: Analysis, trace: Trace): boolean {
  const { child, role, startedAtMs } = trace;
  const { onTerm, daemon, grows } = scenario.behaviors[child];
  const ignoresTerm = trace.isDaemon ? daemon?.kind === 'ignore' : onTerm.kind === 'ignore';
  // A TERM between its fork and its exec was handled by the code of its parent.
  const termMs = termAtMs(trace, fromMs);
  const isLostInExec = trace.isDaemon && termMs !== null && termMs < startedAtMs;
  const isGrowing = scenario.memory !== 'off' && grows !== null;
  const isSuspended = isSuspendedInStop(trace, fromMs, slackMs);
  return ignoresTerm || role === 'successor' || isGrowing || isSuspended || isLostInExec;
}

function earliestKillMs({ scenario, history, stop }: Analysis, trace: Trace, termMs: number): number {
  const { child, role } = trace;
  const isInSession = role === 'leader' || (role === 'wrapped' && scenario.behaviors[child].wrapper === 'script');
  const daemonMs = isInSession ? Infinity : termMs + DAEMON_GRACE_MS;
  return Math.min(stop.fromMs + KILL_AFTER_MS, daemonMs, secondInterruptMs(history));
}

/** Where the last lines are not read, the supervisor may wait for the rest of the stop timeout. */
function checkSecondInterrupt({ scenario, history, stop: { toMs }, slackMs }: Analysis): string[] {
  const { sure } = secondInterrupts(history, toMs - slackMs - 1);
  const endMs = mayMissLastLines(scenario, history) ? (history.events.at(-1)?.atMs ?? 0) : history.endedAtMs;
  const lateMs = Math.round(endMs - Math.max(sure.toMs, toMs) - KILL_TAKES_MS - slackMs);
  return lateMs <= 0 ? [] : [`a second INT did not end it at once, but ${lateMs} ms late`];
}

/** When the supervisor is killed, the kernel TERMs its children, and they drain. Limits: it TERMs no daemon, nothing behind a start script
 * and no child that is just being started. */
export function checkKilledSupervisor(analysis: Analysis): string[] {
  const { history, traces, stop, slackMs } = analysis;
  const killedAtMs = killsOf(history, 'supervisor')[0]?.atMs ?? history.endedAtMs;
  const leftPids = new Set(history.processesLeft.map(({ pid }) => pid));
  const killsMs = Math.min(stop.fromMs + KILL_AFTER_MS, secondInterruptMs(history));
  const early = mayEndBeforeStop(analysis, { fromMs: killedAtMs, toMs: killedAtMs });
  /** Processes that the supervisor may have killed before it was killed itself. */
  const mayBeGone = killsMs <= killedAtMs + slackMs ? new Set(traces) : early;
  return traces
    .filter((trace) => trace.isFirst && trace.killedAtMs === null && trace.startedAtMs <= killedAtMs)
    .filter((trace) => trace.suspendedAtMs.length === 0 && !trace.exitsUnrequested)
    .map((trace) => ({ trace, isLeft: leftPids.has(trace.pid), termMs: termAtMs(trace, killedAtMs) }))
    .filter(({ trace, isLeft, termMs }) => !mayBeGone.has(trace) || isLeft || termMs !== null)
    .flatMap(({ trace, isLeft, termMs }) => checkOrphan(analysis, trace, isLeft, termMs));
}

function checkOrphan(
  { scenario, history, slackMs }: Analysis,
  { child, role, exit }: Trace,
  isLeft: boolean,
  termMs: number | null,
): string[] {
  const left = isLeft ? [`${child} was left by a killed supervisor`] : [];
  if (role === 'wrapper') return left;
  if (termMs === null && exit === null) return [`${child} got no TERM from the kernel`];
  if (termMs !== null && termMs > history.endedAtMs + slackMs + 100) return [`${child} got its TERM late`];
  const { onTerm } = scenario.behaviors[child];
  return onTerm.kind !== 'ignore' && onTerm.afterMs < 500 ? left : [];
}

/** The last line of the log tells the cause, the exit code and which children had to be killed. */
export function checkLastLine(analysis: Analysis): string[] {
  const { scenario, history, causes, slackMs } = analysis;
  const isUnread = mayMissLastLines(scenario, history) || (scenario.stdout !== 'file' && history.reader === 'closed');
  const sinceMs = history.endedAtMs - slackMs - 100;
  if (isUnread || killsOf(history, 'relay').some(({ atMs }) => atMs > sinceMs)) return [];
  const { code } = history.end;
  const line = history.output.trimEnd().split('\n').at(-1) ?? '';
  const outcome = parseLog(line)[0];
  if (!isOutcome(outcome)) return [`the last line is no outcome: ${line.slice(0, 200)}`];
  const { msg = '' } = outcome;
  const isTrue = causes.some((cause) => namesCause(outcome, cause));
  return [
    ...(isTrue ? [] : [`the last line tells another cause: ${msg}`]),
    ...(namesCode(outcome, code) ? [] : [`the last line tells another exit code than ${code}: ${msg}`]),
    ...checkKilledChildren(analysis, outcome),
  ];
}

/** It names each child that was killed, and no other; a child that may end before the stop may have been killed for another reason. */
function checkKilledChildren({ history, traces, stop, early }: Analysis, outcome: LogEvent): string[] {
  const leaders = traces.filter((trace) => trace.role === 'leader' && !early.has(trace));
  const isUncertain = (trace: Trace): boolean =>
    trace.killedAtMs !== null ||
    (trace.isFirst && exitsAtDeadline(trace, stop, history)) ||
    (early.has(trace) && trace.wasKilledByDyno);
  return [...new Set(leaders.map(({ child }) => child))].flatMap((name) => {
    const wasKilled = leaders.some((trace) => trace.child === name && trace.wasKilledByDyno);
    if (wasKilled === saysKilled(outcome, name)) return [];
    if (traces.some((trace) => trace.child === name && isUncertain(trace))) return [];
    return [`${name} ${wasKilled ? 'was killed' : 'was not killed'}, and the last line says: ${outcome.msg}`];
  });
}
