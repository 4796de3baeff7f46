import { constants } from 'node:os';
import { isExit, isStart, KILL_AFTER_MS, wrappedIn, type ChildEvent, type History } from './history.ts';
import { CHILD_NAMES, isRouted, type ChildName, type Scenario } from './scenario.ts';

/** All that is known of one child process. */
export type Trace = {
  pid: number;
  child: ChildName;
  /** wrapper: the first process of a child whose work is done by another one, the wrapped; successor: started by a daemon at TERM. */
  role: 'leader' | 'wrapper' | 'wrapped' | 'daemon' | 'successor';
  startedAtMs: number;
  readyAtMs: number | null;
  /** Every TERM that it handled. */
  termsAtMs: readonly number[];
  /** TERMs that the harness sent to it alone. */
  injectedTermsAtMs: readonly number[];
  exit: { atMs: number; isCrash: boolean; status: number; isBySigkill: boolean } | null;
  /** The helper was killed by a fault. */
  killedAtMs: number | null;
  suspendedAtMs: readonly number[];
  /** Alive when the dyno had ended, or started after that. */
  isLeft: boolean;
};

/** Of every process that lived long enough to record its start. */
export function tracesOf({ events, injected, processesLeft, endedAtMs }: History): Trace[] {
  const wrapped = wrappedIn(events);
  return events.filter(isStart).map((start) => {
    const { pid } = start;
    const own = events.filter((one) => one.pid === pid);
    const faultsAtMs = (type: string): number[] =>
      injected.filter(({ fault, pids }) => fault.type === type && pids.includes(pid)).map(({ atMs }) => atMs);
    const terms = injected.filter(({ fault }) => fault.type === 'signal' && fault.signal === 'SIGTERM');
    return {
      pid,
      child: CHILD_NAMES.find((child) => start.process.startsWith(child)) ?? 'puma',
      role: roleOf(start, wrapped),
      startedAtMs: start.atMs,
      readyAtMs: own.find(({ event }) => event === 'ready')?.atMs ?? null,
      termsAtMs: own.filter(({ event }) => event === 'TERM').map(({ atMs }) => atMs),
      injectedTermsAtMs: terms.filter(({ pids }) => pids.includes(pid)).map(({ atMs }) => atMs),
      exit: exitIn(own),
      killedAtMs: faultsAtMs('kill')[0] ?? null,
      suspendedAtMs: faultsAtMs('suspend'),
      isLeft: start.atMs > endedAtMs || processesLeft.some((left) => left.pid === pid),
    };
  });
}

function roleOf({ process, pid, event }: ChildEvent, wrapped: ReadonlySet<number>): Trace['role'] {
  if (process.endsWith('.successor')) return 'successor';
  if (process.endsWith('.daemon')) return 'daemon';
  if (event !== 'start') return 'wrapper';
  return wrapped.has(pid) ? 'wrapped' : 'leader';
}

function exitIn(events: readonly ChildEvent[]): Trace['exit'] {
  const last = events.find(isExit);
  if (last === undefined) return null;
  const [reason, how = ''] = last.event.split(' ');
  const status = how.startsWith('SIG') ? 128 + constants.signals[how as NodeJS.Signals] : Number(how);
  return { atMs: last.atMs, isCrash: reason === 'crash', status, isBySigkill: how === 'SIGKILL' };
}

/** The first process of a child: its exit is that of the child. */
export function isFirst({ role }: Trace): boolean {
  return role === 'leader' || role === 'wrapper';
}

export function isDaemon({ role }: Trace): boolean {
  return role === 'daemon' || role === 'successor';
}

/** When the dyno sent the first TERM. After an injected TERM only those since the stop count, which may include another injected one. */
export function termAtMs({ termsAtMs, injectedTermsAtMs }: Trace, stopMs: number): number | null {
  const terms = injectedTermsAtMs.length === 0 ? termsAtMs : termsAtMs.filter((atMs) => atMs >= stopMs - 1);
  return terms[0] ?? null;
}

/** It crashed, or exited after an injected TERM that was its first. */
export function exitsUnrequested({ exit, termsAtMs, injectedTermsAtMs }: Trace): boolean {
  return exit !== null && (exit.isCrash || (injectedTermsAtMs[0] ?? Infinity) < (termsAtMs[0] ?? 0));
}

/** When it exited unrequested or was killed by a fault. Infinity: neither. */
export function failedAtMs(trace: Trace): number {
  const exitedAtMs = exitsUnrequested(trace) ? trace.exit?.atMs : null;
  return Math.min(exitedAtMs ?? Infinity, trace.killedAtMs ?? Infinity);
}

/** A process that recorded no exit was killed, except a wrapper, which TERM ends. */
export function wasKilledByDyno({ role, exit, killedAtMs, isLeft }: Trace): boolean {
  return !isLeft && role !== 'wrapper' && exit === null && killedAtMs === null;
}

// What follows are the tolerances: how precisely times are known, and which races have more than one correct end.

/** The supervisor learned of something between these two instants. */
export type Period = { fromMs: number; toMs: number };

/** An exit as TERM causes it counts as requested when the dyno's own TERM follows within this time. */
export const BROADCAST_MS = 1000;
/** Time from the exec of Node until it has installed its signal handlers. */
export const NODE_BOOT_MS = 300;
/** docs/termination.md: an INT this soon after the first one is a copy of it. */
const SAME_INTERRUPT_MS = 500;

/** How late this machine may be with anything. */
export function slackOf({ lagMs }: Pick<History, 'lagMs'>): number {
  return 60 + 2 * lagMs;
}

type Sent = { atMs: number; untilMs: number };
type Injected = { injected: readonly (Sent & { fault: { type: string; signal?: string } })[] };

export function interruptsIn({ injected }: Injected): Sent[] {
  return injected.filter(({ fault }) => fault.type === 'stop' && fault.signal === 'SIGINT');
}

/** The INTs that may not have been copies of the first one. slackMs: how late the supervisor may handle one. */
export function possiblySecond([first, ...others]: readonly Sent[], slackMs: number): Sent[] {
  return others.filter(({ untilMs }) => first !== undefined && untilMs + slackMs >= first.atMs + SAME_INTERRUPT_MS);
}

/** The earliest INT that cannot have been a copy of the first one. */
export function surelySecond([first, ...others]: readonly Sent[], slackMs: number): Sent | undefined {
  return others.find(({ atMs }) => first !== undefined && atMs > first.untilMs + slackMs + SAME_INTERRUPT_MS);
}

/** From then on the supervisor may kill everything. Infinity: no INT can have been the second one. */
export function secondInterruptMs(history: Injected & { lagMs: number }): number {
  return possiblySecond(interruptsIn(history), slackOf(history))[0]?.atMs ?? Infinity;
}

/**
 * Whether a process exited, or was killed by a fault, just when the supervisor kills everything: at the deadline for children or at a
 * second INT. It may then have been killed before it was gone, and so may what it left, `leadMs` earlier.
 */
export function exitsAtDeadline({ exit, killedAtMs }: Trace, stop: Period, history: History, leadMs = 0): boolean {
  const slackMs = slackOf(history);
  const exitedAtMs = exit?.atMs ?? killedAtMs;
  const kills = [
    { fromMs: stop.fromMs + KILL_AFTER_MS, toMs: stop.toMs + KILL_AFTER_MS },
    ...possiblySecond(interruptsIn(history), slackMs).map(({ atMs, untilMs }) => ({ fromMs: atMs, toMs: untilMs })),
  ];
  return kills.some(
    ({ fromMs, toMs }) =>
      exitedAtMs !== null && exitedAtMs >= fromMs - slackMs - leadMs && exitedAtMs <= toMs + slackMs,
  );
}

/** Whether the memory guard may restart this child. */
export function canBeRestarted(scenario: Scenario, child: ChildName): boolean {
  const isGrowing = scenario.memory !== 'off' && scenario.behaviors[child].grows !== null;
  return isGrowing && (child === 'sidekiq' || (child === 'puma' && isRouted(scenario)));
}

export function isOnDemand({ role, streaming }: Scenario, child: ChildName): boolean {
  return child === 'streaming' && role === 'web' && streaming === 'on-demand';
}

/** The processes that the supervisor may have ended, even killed, before the stop: children that the memory guard may restart, streaming on
 * demand that was idle, and the daemons of both. */
export function mayEndBeforeStop(
  scenario: Scenario,
  history: History,
  traces: readonly Trace[],
  stop: Period,
): Set<Trace> {
  const early = traces.filter(
    (trace) => canBeRestarted(scenario, trace.child) || mayBeIdle(scenario, history, trace, stop),
  );
  const isDaemonOfOne = (trace: Trace): boolean =>
    isDaemon(trace) &&
    early.some(({ child, startedAtMs }) => child === trace.child && startedAtMs <= trace.startedAtMs);
  return new Set([...early, ...traces.filter(isDaemonOfOne)]);
}

/** Streaming on demand that got its TERM before the stop, was gone by then, or had only just started. */
function mayBeIdle(scenario: Scenario, history: History, trace: Trace, { fromMs, toMs }: Period): boolean {
  if (!isOnDemand(scenario, trace.child)) return false;
  // Above the emergency threshold the guard may stop it at any time.
  if (scenario.memory === 'emergency' || trace.startedAtMs > fromMs - slackOf(history)) return true;
  const before = (times: readonly number[]): number => times.filter((atMs) => atMs < fromMs - 1).length;
  return before(trace.termsAtMs) > before(trace.injectedTermsAtMs) || failedAtMs(trace) < toMs;
}

/** Nothing is required of the TERM of a process that was suspended during the stop, or just before. */
export function isSuspendedInStop({ suspendedAtMs }: Trace, fromMs: number, history: History): boolean {
  return suspendedAtMs.some((atMs) => atMs >= fromMs - slackOf(history));
}

/** Of a process that a fault killed. A wrapper may have ended at its TERM before. */
export function wasSurelyKilled({ role, exit, killedAtMs }: Trace): boolean {
  return role !== 'wrapper' && (exit === null || exit.isBySigkill || exit.atMs > (killedAtMs ?? 0));
}

/** A daemon that was forked and has recorded nothing may have been killed. */
export function mayHaveUnknownDaemon({ events }: History): boolean {
  const forks = events.filter(({ event }) => event === 'forks').length;
  return forks > events.filter(({ process, event }) => process.endsWith('.daemon') && event === 'start').length;
}

/**
 * Limits that docs/termination.md names: without the dyno's environment, session and parent, a daemon is found only if its
 * parent still ran at a scan. The only scan with a known time is the one at the stop.
 */
export function isUntraceable(scenario: Scenario, trace: Trace, traces: readonly Trace[], stop: Period): boolean {
  const { child, role, startedAtMs } = trace;
  if (role !== 'daemon' || scenario.behaviors[child].daemon?.kind !== 'bare') return false;
  const parents = traces.filter((one) => one.child === child && (one.role === 'leader' || one.role === 'wrapped'));
  return parents.some(({ exit, killedAtMs }) => {
    const goneAtMs = Math.min(exit?.atMs ?? Infinity, killedAtMs ?? Infinity);
    return goneAtMs < Infinity && !(startedAtMs < stop.fromMs && goneAtMs > stop.toMs);
  });
}

/** Before Node runs the supervisor's first line, a signal has its default action. Nothing has been started or logged then. */
export function isEndedAtBoot({ startedAtMs, end, injected, events, output, lagMs }: History): boolean {
  if (end.signal === null || end.signal === 'SIGKILL' || events.length > 0 || output !== '') return false;
  const bootedAtMs = startedAtMs + NODE_BOOT_MS + slackOf({ lagMs });
  return injected.some(({ atMs, fault }) => fault.type === 'stop' && fault.signal === end.signal && atMs < bootedAtMs);
}
