import { constants } from 'node:os';
import type { History } from './history.ts';
import { childrenOf, type ChildName, type Scenario, type StopSignal } from './scenario.ts';
import {
  BROADCAST_MS,
  canBeRestarted,
  exitsUnrequested,
  interruptsIn,
  isFirst,
  isOnDemand,
  mayEndBeforeStop,
  NODE_BOOT_MS,
  type Period,
  secondInterruptMs,
  slackOf,
  surelySecond,
  type Trace,
  tracesOf,
} from './traces.ts';

/** Why a dyno stops, and when the supervisor learned of it. mayBeStop: exited as TERM causes it. */
export type Cause = Period &
  (
    | { kind: 'signal'; signal: StopSignal }
    | { kind: 'child-exit'; child: ChildName; code: number; mayBeStop: boolean }
    | { kind: 'memory' }
  );

/** Longest interval between two checks whether a child is ready. */
const READY_CHECK_MS = 1000;

/** What the checkers know of a run. */
export type Analysis = {
  scenario: Scenario;
  history: History;
  traces: readonly Trace[];
  /** Every cause that can have been the first one, and when the supervisor learned of the first. */
  causes: readonly Cause[];
  stop: Period;
  /** Processes that may have ended before the stop. */
  early: ReadonlySet<Trace>;
  slackMs: number;
};

export function analyze(scenario: Scenario, history: History): Analysis {
  const traces = tracesOf(history);
  const causes = possibleCauses(scenario, history, traces);
  const stop = firstOf(causes);
  const early = mayEndBeforeStop(scenario, history, traces, stop);
  return { scenario, history, traces, causes, stop, early, slackMs: slackOf(history) };
}

function possibleCauses(scenario: Scenario, history: History, traces: readonly Trace[]): Cause[] {
  const slackMs = slackOf(history);
  const certain = [...signals(history, slackMs), ...exits(scenario, traces, slackMs)];
  const all = [...certain, ...uncertain(scenario, history, traces, slackMs)];
  const firstMs = Math.min(...certain.map(({ toMs }) => toMs));
  const first = all.filter(({ fromMs }) => fromMs <= firstMs);
  // A TERM after a second INT is no longer taken for a broadcast.
  const terms = certain.filter((cause) => cause.kind === 'signal' && cause.signal === 'SIGTERM');
  const termsInTime = terms.filter(({ toMs }) => toMs <= secondInterruptMs(history));
  const finalMs = (surelySecond(interruptsIn(history), slackMs)?.untilMs ?? Infinity) + slackMs;
  const possibleTerms = terms.filter(({ fromMs }) => fromMs <= finalMs);
  const asItIs = first.filter((cause) => !isSurelyBroadcast(cause, termsInTime));
  const asBroadcast = first.flatMap((cause) =>
    possibleTerms.filter((term) => mayBeBroadcast(cause, term)).map((term) => ({ ...term, ...earlier(term, cause) })),
  );
  return [...asItIs, ...asBroadcast];
}

export function firstOf(causes: readonly Cause[]): Period {
  return causes.reduce<Period>(earlier, { fromMs: Infinity, toMs: Infinity });
}

/** The stop begins with the earlier one, whatever the outcome calls it. */
function earlier(one: Period, other: Period): Period {
  return { fromMs: Math.min(one.fromMs, other.fromMs), toMs: Math.min(one.toMs, other.toMs) };
}

function isSurelyBroadcast(cause: Cause, terms: readonly Cause[]): boolean {
  return (
    cause.kind === 'child-exit' && cause.mayBeStop && terms.some(({ toMs }) => toMs <= cause.fromMs + BROADCAST_MS)
  );
}

function mayBeBroadcast(cause: Cause, { fromMs }: Cause): boolean {
  return cause.kind === 'child-exit' && cause.mayBeStop && fromMs <= cause.toMs + BROADCAST_MS;
}

function signals({ injected, startedAtMs }: History, slackMs: number): Cause[] {
  return injected.flatMap(({ atMs, untilMs, fault }): Cause[] => {
    if (fault.type !== 'stop') return [];
    const toMs = Math.max(untilMs + slackMs, startedAtMs + NODE_BOOT_MS + slackMs);
    return [{ kind: 'signal', signal: fault.signal, fromMs: atMs, toMs }];
  });
}

/** Exits of children that must end the dyno: crashes and faults. */
function exits(scenario: Scenario, traces: readonly Trace[], slackMs: number): Cause[] {
  return traces.filter((trace) => isFirst(trace) && !isTolerated(scenario, trace.child)).flatMap(exitsOf(slackMs));
}

function exitsOf(slackMs: number): (trace: Trace) => Cause[] {
  return (trace) => {
    const { child, role, exit, killedAtMs, injectedTermsAtMs } = trace;
    return [
      ...(exit !== null && exitsUnrequested(trace) ? [exitCause(child, exit.atMs, exit.status, slackMs)] : []),
      ...(killedAtMs === null ? [] : [exitCause(child, killedAtMs, 137, slackMs)]),
      // A wrapper has no handler for TERM and records nothing.
      ...(role === 'wrapper' ? injectedTermsAtMs.slice(0, 1).map((atMs) => exitCause(child, atMs, 143, slackMs)) : []),
    ];
  };
}

function exitCause(child: ChildName, atMs: number, status: number, slackMs: number): Cause {
  const code = status === 0 ? 1 : status;
  return { kind: 'child-exit', child, code, mayBeStop: [0, 143].includes(status), fromMs: atMs, toMs: atMs + slackMs };
}

/** The dyno may outlive the exit of this child. */
function isTolerated(scenario: Scenario, child: ChildName): boolean {
  return isOnDemand(scenario, child) || canBeRestarted(scenario, child);
}

/** Causes that the supervisor may have seen, and need not have. */
function uncertain(scenario: Scenario, history: History, traces: readonly Trace[], slackMs: number): Cause[] {
  const restarting = traces.filter((trace) => isLast(trace, traces) && canBeRestarted(scenario, trace.child));
  return [
    ...restarting.flatMap(exitsOf(slackMs)),
    ...thirdFailedStart(scenario, traces, slackMs),
    ...exitsBeforeHandlers(scenario, history, traces, slackMs),
    ...exitsHandledFirst(history, traces, slackMs),
    ...memoryCause(scenario, history),
  ];
}

/** A child that was started again did not end the dyno. */
function isLast(trace: Trace, traces: readonly Trace[]): boolean {
  const isNext = (other: Trace): boolean => other.child === trace.child && other.startedAtMs > trace.startedAtMs;
  return isFirst(trace) && !traces.some((other) => isFirst(other) && isNext(other));
}

/** The third time in a row that streaming on demand exits before it was seen to be ready. */
function thirdFailedStart(scenario: Scenario, traces: readonly Trace[], slackMs: number): Cause[] {
  const isFailedStart = ({ readyAtMs, exit, killedAtMs }: Trace): boolean =>
    readyAtMs === null ||
    Math.min(exit?.atMs ?? Infinity, killedAtMs ?? Infinity) < readyAtMs + READY_CHECK_MS + slackMs;
  const failed = traces.filter((trace) => isFirst(trace) && isOnDemand(scenario, trace.child) && isFailedStart(trace));
  return failed.length < 3 ? [] : failed.filter((trace) => isLast(trace, traces)).flatMap(exitsOf(slackMs));
}

/** A signal to every process ends a child that has no handlers yet. */
function exitsBeforeHandlers(
  scenario: Scenario,
  { injected }: History,
  traces: readonly Trace[],
  slackMs: number,
): Cause[] {
  return injected.flatMap(({ atMs, fault }): Cause[] => {
    if (fault.type !== 'stop' || fault.target === 'supervisor') return [];
    const hasHandlers = (child: ChildName): boolean =>
      traces.some((trace) => isFirst(trace) && trace.child === child && trace.startedAtMs < atMs);
    const status = 128 + constants.signals[fault.signal];
    const booting = childrenOf(scenario).filter((child) => !hasHandlers(child));
    return booting.map((child) => exitCause(child, atMs, status, slackMs));
  });
}

/** After a signal to every process, the supervisor may see a child's exit before its own signal. Only 0 and 143 count as requested. */
function exitsHandledFirst({ injected }: History, traces: readonly Trace[], slackMs: number): Cause[] {
  const broadcasts = injected.filter(({ fault }) => fault.type === 'stop' && fault.target !== 'supervisor');
  return traces.filter(isFirst).flatMap(({ child, exit }) => {
    if (exit === null) return [];
    const isNear = broadcasts.some(({ atMs, untilMs }) => exit.atMs >= atMs && exit.atMs <= untilMs + slackMs);
    return isNear ? [exitCause(child, exit.atMs, exit.status, slackMs)] : [];
  });
}

/** From the first growth on. When the guard notices it is not known. */
function memoryCause({ memory }: Scenario, { events }: History): Cause[] {
  const growth = events.find(({ event }) => event === 'grow');
  return memory === 'emergency' && growth ? [{ kind: 'memory', fromMs: growth.atMs, toMs: Infinity }] : [];
}
