import { constants } from 'node:os';
import { isExit, isStart, KILL_AFTER_MS, wrappedIn, type Observed, type ChildEvent, type History } from './history.ts';
import type { RealFault } from './real-scenario.ts';
import { CHILD_NAMES, isRouted, type ChildName, type Fault, type Scenario } from './scenario.ts';

/** What the checkers know of a run, whatever they make of it. */
export type Facts = { scenario: Scenario; history: History; traces: readonly Trace[]; slackMs: number };

export type Trace = ReturnType<typeof traceOf>;

/** Of every process that lived long enough to record its start. */
export function tracesOf(history: History): Trace[] {
  const wrapped = wrappedIn(history.events);
  return history.events.filter(isStart).map((start) => traceOf(start, wrapped, history));
}

function traceOf(start: ChildEvent, wrapped: ReadonlySet<number>, history: History) {
  const { pid } = start;
  const { injected, processesLeft, endedAtMs } = history;
  const own = history.events.filter((one) => one.pid === pid);
  const eventsAtMs = (name: string): number[] => own.filter(({ event }) => event === name).map(({ atMs }) => atMs);
  const reached = injected.filter(({ pids }) => pids.includes(pid));
  const faultsAtMs = (isMeant: (fault: Fault) => boolean): number[] =>
    reached.filter(({ fault }) => isMeant(fault)).map(({ atMs }) => atMs);
  const role = roleOf(start, wrapped);
  const exit = exitIn(own);
  const termsAtMs = eventsAtMs('TERM');
  const injectedTermsAtMs = faultsAtMs((fault) => fault.type === 'signal' && fault.signal === 'SIGTERM');
  const killedAtMs = faultsAtMs(({ type }) => type === 'kill')[0] ?? null;
  const isLeft = start.atMs > endedAtMs || processesLeft.some((left) => left.pid === pid);
  const isFirstTermInjected = (injectedTermsAtMs[0] ?? Infinity) < (termsAtMs[0] ?? 0);
  return {
    ...{ pid, role, exit },
    child: CHILD_NAMES.find((child) => start.process.startsWith(child)) ?? 'puma',
    /** The first process of a child: its exit is that of the child. */
    isFirst: role === 'leader' || role === 'wrapper',
    isDaemon: role === 'daemon' || role === 'successor',
    startedAtMs: start.atMs,
    readyAtMs: eventsAtMs('ready')[0] ?? null,
    /** Every TERM that it handled, and those that the harness sent to it alone. */
    ...{ termsAtMs, injectedTermsAtMs },
    /** By a fault: the process itself, or a helper. */
    killedAtMs,
    suspendedAtMs: faultsAtMs(({ type }) => type === 'suspend'),
    /** When it exited or was killed by a fault. Infinity: neither. */
    goneAtMs: Math.min(exit?.atMs ?? Infinity, killedAtMs ?? Infinity),
    /** It crashed, or exited after an injected TERM that was its first. */
    exitsUnrequested: exit !== null && (exit.isCrash || isFirstTermInjected),
    /** Alive when the dyno had ended, or started after that. */
    isLeft,
    /** A process that recorded no exit was killed, except a wrapper, which TERM ends. */
    wasKilledByDyno: !isLeft && role !== 'wrapper' && exit === null && killedAtMs === null,
  };
}

/** wrapper: the first process of a child whose work is done by another one, the wrapped; successor: started by a daemon at TERM. */
type Role = 'leader' | 'wrapper' | 'wrapped' | 'daemon' | 'successor';

function roleOf({ process, pid, event }: ChildEvent, wrapped: ReadonlySet<number>): Role {
  if (process.endsWith('.successor')) return 'successor';
  if (process.endsWith('.daemon')) return 'daemon';
  if (event !== 'start') return 'wrapper';
  return wrapped.has(pid) ? 'wrapped' : 'leader';
}

type Exit = { atMs: number; isCrash: boolean; status: number; isBySigkill: boolean };

function exitIn(events: readonly ChildEvent[]): Exit | null {
  const last = events.find(isExit);
  if (last === undefined) return null;
  const [reason, how = ''] = last.event.split(' ');
  const status = how.startsWith('SIG') ? 128 + constants.signals[how as NodeJS.Signals] : Number(how);
  return { atMs: last.atMs, isCrash: reason === 'crash', status, isBySigkill: how === 'SIGKILL' };
}

// What follows are the tolerances: how precisely times are known, and which races have more than one correct end.

/** The supervisor learned of something between these two instants. */
export type Period = { fromMs: number; toMs: number };
export const NEVER: Period = { fromMs: Infinity, toMs: Infinity };

/** An exit as TERM causes it counts as requested when the dyno's own TERM follows within this time. */
export const BROADCAST_MS = 1000;
/** Time from the exec of Node until it has installed its signal handlers. */
export const NODE_BOOT_MS = 300;
/** The same while more scenarios start than there are cores: 130 ms of CPU, of which each gets a part. */
const NODE_BOOT_UNDER_LOAD_MS = 1000;
/** docs/termination.md: an INT this soon after the first one is a copy of it. */
const SAME_INTERRUPT_MS = 500;

/** How late this machine may be with anything. */
export function slackOf({ lagMs }: { lagMs: number }): number {
  return 60 + 2 * lagMs;
}

/** The INTs that may not have been copies of the first one, and the earliest that cannot have been one. */
export function secondInterrupts({ injected, lagMs }: Observed, sinceMs = -Infinity) {
  const isInterrupt = ({ fault }: { fault: Fault | RealFault }): boolean =>
    fault.type === 'stop' && fault.signal === 'SIGINT';
  const all = injected.filter(isInterrupt).map(({ atMs, untilMs }): Period => ({ fromMs: atMs, toMs: untilMs }));
  const [first = NEVER, ...others] = all.filter(({ toMs }) => toMs > sinceMs);
  return {
    possible: others.filter(({ toMs }) => toMs + slackOf({ lagMs }) >= first.fromMs + SAME_INTERRUPT_MS),
    sure: others.find(({ fromMs }) => fromMs > first.toMs + slackOf({ lagMs }) + SAME_INTERRUPT_MS) ?? NEVER,
  };
}

/** From then on the supervisor may kill everything. Infinity: no INT can have been the second one. */
export function secondInterruptMs(history: Observed): number {
  return secondInterrupts(history).possible[0]?.fromMs ?? Infinity;
}

/** Whether a process exited, or was killed by a fault, just when the supervisor kills everything: at the deadline for children or at a
 * second INT. It may then have been killed before it was gone, and so may what it left, `leadMs` earlier. */
export function exitsAtDeadline({ exit, killedAtMs }: Trace, stop: Period, history: History, leadMs = 0): boolean {
  const slackMs = slackOf(history);
  const atMs = exit?.atMs ?? killedAtMs ?? NaN;
  const deadline = { fromMs: stop.fromMs + KILL_AFTER_MS, toMs: stop.toMs + KILL_AFTER_MS };
  return [deadline, ...secondInterrupts(history).possible].some(
    ({ fromMs, toMs }) => atMs >= fromMs - slackMs - leadMs && atMs <= toMs + slackMs,
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
export function mayEndBeforeStop({ scenario, traces, slackMs }: Facts, stop: Period): Set<Trace> {
  const mayEnd = (trace: Trace): boolean =>
    canBeRestarted(scenario, trace.child) || mayBeIdle(scenario, trace, stop, slackMs);
  const early = traces.filter(mayEnd);
  const isDaemonOfOne = (trace: Trace): boolean =>
    trace.isDaemon && early.some(({ child, startedAtMs }) => child === trace.child && startedAtMs <= trace.startedAtMs);
  return new Set([...early, ...traces.filter(isDaemonOfOne)]);
}

/** Streaming on demand that got its TERM before the stop, was gone by then, or had only just started. */
function mayBeIdle(scenario: Scenario, trace: Trace, { fromMs, toMs }: Period, slackMs: number): boolean {
  if (!isOnDemand(scenario, trace.child)) return false;
  // Above the emergency threshold the guard may stop it at any time.
  if (scenario.memory === 'emergency' || trace.startedAtMs > fromMs - slackMs) return true;
  const before = (times: readonly number[]): number => times.filter((atMs) => atMs < fromMs - 1).length;
  const failedAtMs = trace.exitsUnrequested ? trace.goneAtMs : (trace.killedAtMs ?? Infinity);
  return before(trace.termsAtMs) > before(trace.injectedTermsAtMs) || failedAtMs < toMs;
}

/** A daemon that was forked and has recorded nothing may have been killed. */
export function mayHaveUnknownDaemon({ events }: History): boolean {
  const forks = events.filter(({ event }) => event === 'forks').length;
  return forks > events.filter(({ process, event }) => process.endsWith('.daemon') && event === 'start').length;
}

/** Limits that docs/termination.md names: without the dyno's environment, session and parent, a daemon is found only if its parent still
 * ran at a scan. The only scan with a known time is the one at the stop. */
export function isUntraceable({ scenario, traces }: Facts, trace: Trace, stop: Period): boolean {
  const { child, role, startedAtMs } = trace;
  if (role !== 'daemon' || scenario.behaviors[child].daemon?.kind !== 'bare') return false;
  const parents = traces.filter((one) => one.child === child && (one.role === 'leader' || one.role === 'wrapped'));
  return parents.some(({ goneAtMs }) => goneAtMs < Infinity && !(startedAtMs < stop.fromMs && goneAtMs > stop.toMs));
}

/** Before Node runs the supervisor's first line, a signal has its default action. Nothing has been started or logged then. */
export function isEndedAtBoot({ startedAtMs, end, injected, events, output, lagMs }: History): boolean {
  if (end.signal === null || end.signal === 'SIGKILL' || events.length > 0 || output !== '') return false;
  const bootedAtMs = startedAtMs + NODE_BOOT_UNDER_LOAD_MS + slackOf({ lagMs });
  return injected.some(({ atMs, fault }) => fault.type === 'stop' && fault.signal === end.signal && atMs < bootedAtMs);
}
