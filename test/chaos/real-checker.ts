import { constants } from 'node:os';
import {
  checkCode,
  isOutcome,
  killsOf,
  namesCause,
  REAL_KILL_AFTER_MS,
  REAL_STOP_TIMEOUT_MS,
  type InjectedRealFault,
  type RealHistory,
} from './history.ts';
import { reaches, type RealChild, type RealScenario } from './real-scenario.ts';
import { checkJobs, checkRealRequests, requestStarts } from './real-work-checker.ts';
import type { StopSignal } from './scenario.ts';
import { BROADCAST_MS, secondInterruptMs, secondInterrupts, slackOf } from './traces.ts';

const CHILDREN: readonly RealChild[] = ['puma', 'sidekiq'];
/** Exit status of a process that SIGPIPE has ended. */
const BROKEN_PIPE = 141;
/** Signals and exits so close together may be handled in either order. */
const NEAR_MS = 300;
/** Before Node runs the supervisor's first line, a signal has its default action. */
const BOOT_MS = 400;
/** How late a busy machine may be with a response. */
const LATE_MS = 700;
/** The supervisor keeps 0.3 s of the stop timeout in reserve for a busy machine. */
const OVER_MS = 100;
/** Time from the fork of a child to its request for a parent-death signal, and what a busy machine adds at most. */
const FORK_MS = 100;
const FORK_LATE_MS = 500;
/** A child that is resumed later has no time left to drain. */
const RESUMED_MS = REAL_KILL_AFTER_MS - 2000;

/** A signal to the supervisor or the exit of a child. statuses: the exit codes it can lead to; mayBeStop: it exits as TERM causes it. */
type RealCause =
  | { kind: 'signal'; atMs: number; signal: StopSignal }
  | { kind: 'child-exit'; atMs: number; child: RealChild; statuses: readonly number[]; mayBeStop: boolean };

/** What the checks know of a run. */
export type RealAnalysis = ReturnType<typeof analyze>;

/** As `check`, for the real puma and sidekiq: from what jobs and requests recorded. */
export function checkReal(scenario: RealScenario, history: RealHistory): string[] {
  const analysis = analyze(scenario, history);
  return [
    ...history.nodeWarnings,
    ...checkEnd(analysis),
    ...checkJobs(analysis),
    ...checkRealRequests(analysis),
    ...checkProcessesLeft(analysis),
  ];
}

function analyze(scenario: RealScenario, history: RealHistory) {
  const causes = causesOf(scenario, history);
  const stopMs = causes[0]?.atMs ?? Infinity;
  const hurtMs = (child: RealChild): number => {
    // Puma drains at HUP, which sidekiq does not handle.
    const fatal = history.injected.filter(({ fault }) => {
      const isKill = fault.type === 'kill' || (child === 'sidekiq' && 'signal' in fault && fault.signal === 'SIGHUP');
      return isKill && reaches(fault, child);
    });
    const times = fatal.map(({ atMs }) => atMs);
    return Math.min(...times, secondInterruptMs(history), suspendedAtMs(history, stopMs, child));
  };
  const isSupervisorKilled = history.end.signal === 'SIGKILL';
  /** hurtMs: when a fault kept the child from draining. Infinity: never. */
  const hurt = { hurtMs: { puma: hurtMs('puma'), sidekiq: hurtMs('sidekiq') } };
  return { scenario, history, causes, stopMs, isSupervisorKilled, ...hurt };
}

/** In the order of time. */
function causesOf(scenario: RealScenario, { injected, events, end }: RealHistory): RealCause[] {
  const exit = (child: RealChild, atMs: number, status: number): RealCause[] => [
    { kind: 'child-exit', atMs, child, statuses: [status], mayBeStop: false },
  ];
  const causes = injected.flatMap(({ atMs, fault, exitedAtMs }): RealCause[] => {
    if (fault.type === 'stop') {
      // Every child handles TERM as a request to stop. With INT and HUP it drains and exits with 0 or 1, or dies of the signal.
      const isHarmless = fault.target === 'supervisor' || fault.signal === 'SIGTERM';
      const exits = isHarmless ? [] : CHILDREN.map((child) => exitBy(fault.signal, child, atMs));
      return [{ kind: 'signal', atMs, signal: fault.signal }, ...exits];
    }
    const breaksPipe = fault.type === 'close-reader' && end.code === BROKEN_PIPE && canBreakPipe(scenario);
    if (breaksPipe) return exit('puma', atMs, BROKEN_PIPE);
    if (!('target' in fault) || fault.target === 'supervisor') return [];
    if (fault.type === 'kill') return exit(fault.target, atMs, 137);
    return fault.type === 'signal' && exitedAtMs !== null ? [exitBy(fault.signal, fault.target, exitedAtMs)] : [];
  });
  // Sidekiq exits with 1 where Redis is away while it boots; with 0 at a TERM.
  const exits = events.flatMap(({ kind, event, atMs }) => {
    const status = Number(event.slice('code'.length));
    return kind === 'exit' && status !== 0 ? exit('sidekiq', atMs, status) : [];
  });
  return [...causes, ...exits].sort((one, other) => one.atMs - other.atMs);
}

/** The supervisor turns code 0 into 1. */
function exitBy(signal: NodeJS.Signals, child: RealChild, atMs: number): RealCause {
  const mayBeStop = signal !== 'SIGHUP' || child !== 'sidekiq';
  return { kind: 'child-exit', atMs, child, statuses: [1, 128 + constants.signals[signal]], mayBeStop };
}

/** Puma in cluster mode or with Rails dies of SIGPIPE when its first output finds the log closed. */
function canBreakPipe({ role, hasCluster, isRails, hasPrefix }: RealScenario): boolean {
  return role === 'web' && (hasCluster || isRails) && !hasPrefix;
}

/** When a child was suspended after the CONT that follows its TERM, and for the rest of its time. */
function suspendedAtMs({ injected }: RealHistory, stopMs: number, child: RealChild): number {
  const faults = injected.filter(({ fault, atMs }) => {
    const isOf = (fault.type === 'suspend' || fault.type === 'resume') && fault.target === child;
    return isOf && atMs < stopMs + RESUMED_MS;
  });
  const last = faults.at(-1);
  return last?.fault.type === 'suspend' && last.untilMs > stopMs ? last.atMs : Infinity;
}

function checkEnd(analysis: RealAnalysis): string[] {
  const { history, causes, stopMs, isSupervisorKilled } = analysis;
  if (isSupervisorKilled) {
    // A folder of sockets stays then: docs/one-dyno.md, Limits.
    return killsOf(history, 'supervisor').length > 0 ? [] : ['SIGKILL ended the supervisor, and no fault sent it'];
  }
  const files = history.filesLeft.map((file) => `${file} was left`);
  const first = causes[0];
  if (first === undefined) return ['the dyno ended without a known cause', ...files];
  if (isEndedAtBoot(analysis)) return files;
  const nearMs = NEAR_MS + history.lagMs;
  const possible = causes.filter((cause) => cause.atMs <= stopMs + nearMs || isLaterTerm(cause, first, history));
  return [
    ...checkCode(history, possibleCodes(analysis, possible)),
    ...checkDuration(history, stopMs),
    ...checkLastLine(history, possible),
    ...files,
  ];
}

function isEndedAtBoot({ history, causes }: RealAnalysis): boolean {
  const { startedAtMs, end, log, lagMs } = history;
  const isSignal = (cause: RealCause): boolean => cause.kind === 'signal' && cause.signal === end.signal;
  return log.length === 0 && causes.some((cause) => isSignal(cause) && cause.atMs - startedAtMs < BOOT_MS + lagMs);
}

/** A TERM soon after the exit of a child, and before a second INT, makes both a broadcast. */
function isLaterTerm(cause: RealCause, first: RealCause, history: RealHistory): boolean {
  if (first.kind !== 'child-exit' || cause.kind !== 'signal' || cause.signal !== 'SIGTERM') return false;
  const finalMs = Math.min(first.atMs + BROADCAST_MS, secondInterrupts(history).sure.toMs);
  return first.mayBeStop && cause.atMs <= finalMs + slackOf(history);
}

/** The exit codes that fit the cause that the last line names. */
function possibleCodes(analysis: RealAnalysis, possible: readonly RealCause[]): number[] {
  const { reader, log } = analysis.history;
  const last = reader === 'reading' ? log.at(-1) : undefined;
  const named = possible.filter((cause) => isOutcome(last) && namesCause(last, cause));
  const atSignal = mayNeedKill(analysis) ? [0, 137] : [0];
  return (named.length > 0 ? named : possible).flatMap((cause) =>
    cause.kind === 'child-exit' ? cause.statuses : atSignal,
  );
}

/** A fault hurt a child during the stop, or a request takes too long. A job never does: sidekiq interrupts it. */
function mayNeedKill({ history, stopMs }: RealAnalysis): boolean {
  const { injected } = history;
  if (secondInterruptMs(history) < Infinity) return true;
  if (CHILDREN.some((child) => suspendedAtMs(history, stopMs, child) < Infinity)) return true;
  const isFatal = ({ atMs, fault }: InjectedRealFault): boolean =>
    (fault.type === 'stop' && fault.signal === 'SIGHUP' && fault.target === 'all') ||
    (fault.type === 'kill' && atMs >= stopMs - NEAR_MS);
  if (injected.some(isFatal)) return true;
  return requestStarts(history).some(({ respondsAtMs }) => respondsAtMs > stopMs + REAL_KILL_AFTER_MS - LATE_MS);
}

function checkDuration({ endedAtMs, lagMs }: RealHistory, stopMs: number): string[] {
  const tookMs = Math.round(endedAtMs - stopMs);
  if (tookMs <= REAL_STOP_TIMEOUT_MS + OVER_MS + lagMs) return [];
  return [`${tookMs} ms from the cause to the end, ${REAL_STOP_TIMEOUT_MS} allowed`];
}

function checkLastLine({ log, reader, end }: RealHistory, possible: readonly RealCause[]): string[] {
  if (reader !== 'reading') return []; // It may not have been read.
  const last = log.at(-1);
  if (!isOutcome(last)) return [`the last line is no outcome: ${JSON.stringify(last)}`];
  const isTrue = possible.some((cause) => namesCause(last, cause));
  return [
    ...(isTrue ? [] : [`the last line tells another cause: ${last.msg}`]),
    ...(last.code === end.code ? [] : [`the last line tells code ${String(last.code)}, not ${String(end.code)}`]),
  ];
}

/** docs/termination.md, Limits: the kernel TERMs no child that is just being started when the supervisor is killed. */
function checkProcessesLeft({ history, isSupervisorKilled }: RealAnalysis): string[] {
  const { processesLeft, lagMs } = history;
  const killedAtMs = isSupervisorKilled ? killsOf(history, 'supervisor')[0]?.atMs : undefined;
  const isStarting = (startedAtMs: number): boolean =>
    killedAtMs !== undefined && startedAtMs >= killedAtMs - FORK_MS - Math.min(lagMs, FORK_LATE_MS);
  const left = processesLeft.filter(({ startedAtMs }) => !isStarting(startedAtMs));
  return left.map(({ command }) => `process ${command} was left`);
}
