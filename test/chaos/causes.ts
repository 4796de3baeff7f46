import { constants } from 'node:os';
import type { History } from './history.ts';
import { childrenOf, type ChildName, type Scenario, type StopSignal } from './scenario.ts';
import {
  BROADCAST_MS,
  canBeRestarted,
  type Facts,
  isOnDemand,
  mayEndBeforeStop,
  NEVER,
  NODE_BOOT_MS,
  type Period,
  secondInterruptMs,
  secondInterrupts,
  slackOf,
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

/** What the checkers know of a run. causes: all that can have been the first one; stop: when the supervisor learned of the first; early:
 * the processes that may have ended before the stop. */
export type Analysis = ReturnType<typeof analyze>;

export function analyze(scenario: Scenario, history: History) {
  const facts: Facts = { scenario, history, traces: tracesOf(history), slackMs: slackOf(history) };
  const causes = possibleCauses(facts);
  const stop = firstOf(causes);
  return { ...facts, causes, stop, early: mayEndBeforeStop(facts, stop) };
}

function possibleCauses(facts: Facts): Cause[] {
  const { history, slackMs } = facts;
  const certain = [...signals(facts), ...exits(facts)];
  const firstMs = Math.min(...certain.map(({ toMs }) => toMs));
  const first = [...certain, ...uncertain(facts)].filter(({ fromMs }) => fromMs <= firstMs);
  // A TERM after a second INT is no longer taken for a broadcast.
  const terms = certain.filter((cause) => cause.kind === 'signal' && cause.signal === 'SIGTERM');
  const termsInTime = terms.filter(({ toMs }) => toMs <= secondInterruptMs(history));
  const finalMs = secondInterrupts(history).sure.toMs + slackMs;
  const possibleTerms = terms.filter(({ fromMs }) => fromMs <= finalMs);
  const exitsByTerm = first.filter((cause) => cause.kind === 'child-exit' && cause.mayBeStop);
  const isSurelyBroadcast = (cause: Cause): boolean =>
    exitsByTerm.includes(cause) && termsInTime.some(({ toMs }) => toMs <= cause.fromMs + BROADCAST_MS);
  const asBroadcast = exitsByTerm.flatMap((cause) =>
    possibleTerms
      .filter(({ fromMs }) => fromMs <= cause.toMs + BROADCAST_MS)
      .map((term) => ({ ...term, ...earlier(term, cause) })),
  );
  return [...first.filter((cause) => !isSurelyBroadcast(cause)), ...asBroadcast];
}

export function firstOf(causes: readonly Cause[]): Period {
  return causes.reduce<Period>(earlier, NEVER);
}

/** The stop begins with the earlier one, whatever the outcome calls it. */
function earlier(one: Period, other: Period): Period {
  return { fromMs: Math.min(one.fromMs, other.fromMs), toMs: Math.min(one.toMs, other.toMs) };
}

function signals({ history: { injected, startedAtMs }, slackMs }: Facts): Cause[] {
  return injected.flatMap(({ atMs, untilMs, fault }): Cause[] => {
    if (fault.type !== 'stop') return [];
    const toMs = Math.max(untilMs, startedAtMs + NODE_BOOT_MS) + slackMs;
    return [{ kind: 'signal', signal: fault.signal, fromMs: atMs, toMs }];
  });
}

/** Exits of children that must end the dyno: crashes and faults. */
function exits({ scenario, traces, slackMs }: Facts): Cause[] {
  const isTolerated = (child: ChildName): boolean => isOnDemand(scenario, child) || canBeRestarted(scenario, child);
  return traces.filter(({ isFirst, child }) => isFirst && !isTolerated(child)).flatMap(exitsOf(slackMs));
}

function exitsOf(slackMs: number): (trace: Trace) => Cause[] {
  return ({ child, role, exit, exitsUnrequested, killedAtMs, injectedTermsAtMs }) => [
    ...(exit !== null && exitsUnrequested ? [exitCause(child, exit.atMs, exit.status, slackMs)] : []),
    ...(killedAtMs === null ? [] : [exitCause(child, killedAtMs, 137, slackMs)]),
    // A wrapper has no handler for TERM and records nothing.
    ...(role === 'wrapper' ? injectedTermsAtMs.slice(0, 1).map((atMs) => exitCause(child, atMs, 143, slackMs)) : []),
  ];
}

function exitCause(child: ChildName, atMs: number, status: number, slackMs: number): Cause {
  const code = status === 0 ? 1 : status;
  return { kind: 'child-exit', child, code, mayBeStop: [0, 143].includes(status), fromMs: atMs, toMs: atMs + slackMs };
}

/** Causes that the supervisor may have seen, and need not have. */
function uncertain(facts: Facts): Cause[] {
  const { scenario, traces, slackMs } = facts;
  const restarting = traces.filter((trace) => isLast(trace, traces) && canBeRestarted(scenario, trace.child));
  return [
    ...restarting.flatMap(exitsOf(slackMs)),
    ...thirdFailedStart(facts),
    ...exitsBeforeHandlers(facts),
    ...exitsHandledFirst(facts),
    ...memoryCause(facts),
  ];
}

/** A child that was started again did not end the dyno. */
function isLast(trace: Trace, traces: readonly Trace[]): boolean {
  const isNext = (other: Trace): boolean => other.child === trace.child && other.startedAtMs > trace.startedAtMs;
  return trace.isFirst && !traces.some((other) => other.isFirst && isNext(other));
}

/** The third time in a row that streaming on demand exits before it was seen to be ready. */
function thirdFailedStart({ scenario, traces, slackMs }: Facts): Cause[] {
  const isFailedStart = (trace: Trace): boolean =>
    trace.readyAtMs === null || trace.goneAtMs < trace.readyAtMs + READY_CHECK_MS + slackMs;
  const failed = traces.filter((trace) => trace.isFirst && isOnDemand(scenario, trace.child) && isFailedStart(trace));
  return failed.length < 3 ? [] : failed.filter((trace) => isLast(trace, traces)).flatMap(exitsOf(slackMs));
}

/** A signal to every process ends a child that has no handlers yet. */
function exitsBeforeHandlers({ scenario, history, traces, slackMs }: Facts): Cause[] {
  return broadcastsIn(history).flatMap(({ atMs, signal }) => {
    const hasHandlers = (child: ChildName): boolean =>
      traces.some((trace) => trace.isFirst && trace.child === child && trace.startedAtMs < atMs);
    const booting = childrenOf(scenario).filter((child) => !hasHandlers(child));
    return booting.map((child) => exitCause(child, atMs, 128 + constants.signals[signal], slackMs));
  });
}

/** After a signal to every process, the supervisor may see a child's exit before its own signal. Only 0 and 143 count as requested. */
function exitsHandledFirst({ history, traces, slackMs }: Facts): Cause[] {
  return traces.flatMap(({ child, exit, isFirst }) => {
    if (exit === null || !isFirst) return [];
    const isNear = broadcastsIn(history).some(
      ({ atMs, untilMs }) => exit.atMs >= atMs && exit.atMs <= untilMs + slackMs,
    );
    return isNear ? [exitCause(child, exit.atMs, exit.status, slackMs)] : [];
  });
}

function broadcastsIn({ injected }: History): { atMs: number; untilMs: number; signal: StopSignal }[] {
  return injected.flatMap(({ atMs, untilMs, fault }) =>
    fault.type === 'stop' && fault.target !== 'supervisor' ? [{ atMs, untilMs, signal: fault.signal }] : [],
  );
}

/** From the first growth on. When the guard notices it is not known. */
function memoryCause({ scenario: { memory }, history: { events } }: Facts): Cause[] {
  const growth = events.find(({ event }) => event === 'grow');
  return memory === 'emergency' && growth ? [{ kind: 'memory', fromMs: growth.atMs, toMs: Infinity }] : [];
}
