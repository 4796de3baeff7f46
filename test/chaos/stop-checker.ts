import type { Analysis, Cause } from './causes.ts';
import {
  KILL_AFTER_MS,
  mayMissLastLines,
  namesChild,
  namesCode,
  namesSignal,
  parseLog,
  saysKilled,
  type Outcome,
} from './history.ts';
import { isRouted, type ChildName, type Scenario } from './scenario.ts';
import {
  exitsAtDeadline,
  exitsUnrequested,
  interruptsIn,
  isDaemon,
  isFirst,
  isSuspendedInStop,
  mayEndBeforeStop,
  secondInterruptMs,
  surelySecond,
  termAtMs,
  type Trace,
  wasKilledByDyno,
} from './traces.ts';

/** Behind the router, puma gets its TERM when no request is in flight, or after this time. */
const DRAIN_MS = KILL_AFTER_MS / 3;
/** Time from TERM to KILL for a process that has left its child's session. */
const DAEMON_GRACE_MS = 1000;
/** Time for the supervisor to notice an exit and to scan for leftover processes. */
const SCAN_MS = 300;
/** Time to kill everything. */
const KILL_TAKES_MS = 500;
/** The longest request, which puma finishes before it exits. */
const REQUEST_MS = 400;

/** Every process gets its TERM at the stop, and none that would have exited in time is killed. */
export function checkStop(analysis: Analysis): string[] {
  const { traces, stop, early } = analysis;
  if (stop.toMs === Infinity) return [];
  const strict = traces.filter((trace) => !early.has(trace));
  const working = strict.filter(({ role }) => role === 'leader' || role === 'wrapped');
  const killed = strict.filter(wasKilledByDyno);
  return [
    ...working.flatMap((trace) => checkTerm(analysis, trace)),
    ...checkSecondInterrupt(analysis),
    ...killed.flatMap((trace) => checkKill(analysis, trace)),
  ];
}

function checkTerm({ scenario, history, stop, slackMs }: Analysis, trace: Trace): string[] {
  const { fromMs, toMs } = stop;
  const { child, role, termsAtMs, injectedTermsAtMs, exit, killedAtMs } = trace;
  const early = termsAtMs.filter((atMs) => atMs < fromMs - 1);
  if (early.length > injectedTermsAtMs.length) return [`${child} got a TERM before the stop`];
  if (killedAtMs !== null || isSuspendedInStop(trace, fromMs, history)) return [];
  const growthMs = scenario.memory === 'off' ? 0 : 300; // Perl handles no signal while it allocates.
  const dueMs = Math.max(toMs, trace.startedAtMs) + termDelayMs(scenario, child) + slackMs + growthMs;
  if (exit !== null && exitsUnrequested(trace) && exit.atMs <= dueMs) return [];
  const atMs = termAtMs(trace, fromMs);
  if (atMs === null) {
    // After a second INT everything is killed at once.
    return secondInterruptMs(history) <= dueMs ? [] : [`${role} of ${child} never got its TERM`];
  }
  const lateMs = Math.round(atMs - dueMs);
  return lateMs <= 0 ? [] : [`${role} of ${child} got its TERM ${lateMs} ms late`];
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
      (isFirst(other) || other.role === 'wrapped') &&
      (wasKilledByDyno(other) || exitsAtDeadline(other, stop, history, SCAN_MS));
    return traces.some(isKilledWith) ? [] : [`${role} ${pid} of ${child} was killed without a TERM`];
  }
  const { onTerm } = scenario.behaviors[child];
  const drainMs = onTerm.kind === 'ignore' ? 0 : onTerm.afterMs + (child === 'puma' ? REQUEST_MS : 0);
  const exitMs = termMs + (isDaemon(trace) ? 0 : drainMs) + slackMs;
  const isInTime = exitMs < earliestKillMs(analysis, trace, termMs);
  return isInTime ? [`${role} ${pid} of ${child} was killed, and would have exited in time`] : [];
}

/** The process ignores TERM, or exits at an unknown time. */
function mayBeKilled({ scenario, history, stop: { fromMs } }: Analysis, trace: Trace): boolean {
  const { child, role, startedAtMs } = trace;
  const { onTerm, daemon, grows } = scenario.behaviors[child];
  const ignoresTerm = isDaemon(trace) ? daemon?.kind === 'ignore' : onTerm.kind === 'ignore';
  // A TERM between its fork and its exec was handled by the code of its parent.
  const termMs = termAtMs(trace, fromMs);
  const isLostInExec = isDaemon(trace) && termMs !== null && termMs < startedAtMs;
  const isGrowing = scenario.memory !== 'off' && grows !== null;
  const isSuspended = isSuspendedInStop(trace, fromMs, history);
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
  const interrupts = interruptsIn(history).filter(({ untilMs }) => untilMs > toMs - slackMs - 1);
  const second = surelySecond(interrupts, slackMs);
  if (second === undefined) return [];
  const endMs = mayMissLastLines(scenario, history) ? (history.events.at(-1)?.atMs ?? 0) : history.endedAtMs;
  const lateMs = Math.round(endMs - Math.max(second.untilMs, toMs) - KILL_TAKES_MS - slackMs);
  return lateMs <= 0 ? [] : [`a second INT did not end it at once, but ${lateMs} ms late`];
}

/**
 * When the supervisor is killed, the kernel TERMs its children, and they drain. Limits: it TERMs no daemon, nothing behind a start
 * script and no child that is just being started.
 */
export function checkKilledSupervisor(analysis: Analysis): string[] {
  const { history, traces } = analysis;
  const kill = history.injected.find(({ fault }) => fault.type === 'kill' && fault.target === 'supervisor');
  const killedAtMs = kill?.atMs ?? history.endedAtMs;
  const leftPids = new Set(history.processesLeft.map(({ pid }) => pid));
  const mayBeGone = killableBefore(analysis, killedAtMs);
  return traces
    .filter((trace) => isFirst(trace) && trace.killedAtMs === null && trace.startedAtMs <= killedAtMs)
    .filter((trace) => trace.suspendedAtMs.length === 0 && !exitsUnrequested(trace))
    .map((trace) => ({ trace, isLeft: leftPids.has(trace.pid), termMs: termAtMs(trace, killedAtMs) }))
    .filter(({ trace, isLeft, termMs }) => !mayBeGone.has(trace) || isLeft || termMs !== null)
    .flatMap(({ trace, isLeft, termMs }) => checkOrphan(analysis, trace, isLeft, termMs));
}

/** Processes that the supervisor may have killed before it was killed itself. */
function killableBefore(analysis: Analysis, killedAtMs: number): Set<Trace> {
  const { scenario, history, traces, stop, slackMs } = analysis;
  const killsMs = Math.min(stop.fromMs + KILL_AFTER_MS, secondInterruptMs(history));
  if (killsMs <= killedAtMs + slackMs) return new Set(traces);
  return mayEndBeforeStop(scenario, history, traces, { fromMs: killedAtMs, toMs: killedAtMs });
}

function checkOrphan(
  analysis: Analysis,
  { child, role, exit }: Trace,
  isLeft: boolean,
  termMs: number | null,
): string[] {
  const { scenario, history, slackMs } = analysis;
  const left = isLeft ? [`${child} was left by a killed supervisor`] : [];
  if (role === 'wrapper') return left;
  if (termMs === null && exit === null) return [`${child} got no TERM from the kernel`];
  if (termMs !== null && termMs > history.endedAtMs + slackMs + 100) return [`${child} got its TERM late`];
  const { onTerm } = scenario.behaviors[child];
  return onTerm.kind !== 'ignore' && onTerm.afterMs < 500 ? left : [];
}

/** The last line of the log tells the cause, the exit code and which children had to be killed. */
export function checkLastLine(analysis: Analysis): string[] {
  if (isLastLineLost(analysis)) return [];
  const { output, end } = analysis.history;
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  const outcome = parseLog(line)[0];
  if (outcome?.type !== 'outcome') return [`the last line is no outcome: ${line.slice(0, 200)}`];
  const { message } = outcome;
  return [
    ...(analysis.causes.some((cause) => namesCause(outcome, cause))
      ? []
      : [`the last line tells another cause: ${message}`]),
    ...(namesCode(outcome, end.code) ? [] : [`the last line tells another exit code than ${end.code}: ${message}`]),
    ...checkKilledChildren(analysis, outcome),
  ];
}

function isLastLineLost({ scenario, history, slackMs }: Analysis): boolean {
  const { reader, injected, endedAtMs } = history;
  if (mayMissLastLines(scenario, history) || (scenario.stdout !== 'file' && reader === 'closed')) return true;
  const sinceMs = endedAtMs - slackMs - 100;
  return injected.some(({ fault, atMs }) => fault.type === 'kill' && fault.target === 'relay' && atMs > sinceMs);
}

function namesCause(outcome: Outcome, cause: Cause): boolean {
  switch (cause.kind) {
    case 'signal':
      return namesSignal(outcome, cause.signal);
    case 'child-exit':
      return namesChild(outcome, cause.child);
    case 'memory':
      return outcome.cause === 'memory';
  }
}

/** It names each child that was killed, and no other; a child that may end before the stop may have been killed for another reason. */
function checkKilledChildren({ history, traces, stop, early }: Analysis, outcome: Outcome): string[] {
  const leaders = traces.filter((trace) => trace.role === 'leader' && !early.has(trace));
  const isUncertain = (trace: Trace): boolean =>
    trace.killedAtMs !== null ||
    (isFirst(trace) && exitsAtDeadline(trace, stop, history)) ||
    (early.has(trace) && wasKilledByDyno(trace));
  return [...new Set(leaders.map(({ child }) => child))].flatMap((name) => {
    const wasKilled = leaders.some((trace) => trace.child === name && wasKilledByDyno(trace));
    if (wasKilled === saysKilled(outcome, name)) return [];
    if (traces.some((trace) => trace.child === name && isUncertain(trace))) return [];
    return [`${name} ${wasKilled ? 'was killed' : 'was not killed'}, and the last line says: ${outcome.message}`];
  });
}
