import { firstOf, type Analysis } from './causes.ts';
import { helperIn, memoryActionsIn, type ChildEvent, type History, type RequestRecord } from './history.ts';
import { childrenOf, isRouted, type ChildName, type Scenario } from './scenario.ts';
import type { Period, Trace } from './traces.ts';

/** The longest request to puma, and all events of a stream. */
const REQUEST_MS = 300;
/** Time for the first request to start streaming, and for the router to learn that it is ready. */
const ON_DEMAND_MS = 800;
/** Time for the guard to take a sample, measure exactly and act. */
const GUARD_ACTS_MS = 2500;
/** Longest interval between two samples of the guard. */
const SAMPLE_MS = 1500;

/** Each request gets a complete response, a broken connection or a rejection by the router, never a wrong response; and its response where
 * nothing interferes. isSupervised: the supervisor was not killed. */
export function checkRequests(analysis: Analysis, isSupervised: boolean): string[] {
  const { scenario, history } = analysis;
  return history.requests.flatMap((record) => {
    const wrong = checkResult(scenario, history, record);
    if (wrong !== null) return [wrong];
    const { request, result } = record;
    const isServed = typeof result === 'object' && result.status === 200 && result.isComplete && result.isCorrect;
    if (isServed || !isSupervised || !mustBeServed(analysis, record)) return [];
    return [`${request} got no response, and nothing interfered: ${JSON.stringify(result)}`];
  });
}

function checkResult(scenario: Scenario, { processesLeft }: History, record: RequestRecord): string | null {
  const { request, result } = record;
  if (result === 'connection-failed') return null;
  // A suspended puma outlives a supervisor that is killed, and keeps its connections open.
  if (result === 'timeout') return processesLeft.length > 0 ? null : `${request} still waits, though the dyno is gone`;
  const { status, isComplete, isCorrect } = result;
  if (status === 200) return isComplete && !isCorrect ? `${request} got a wrong response` : null;
  if (scenario.misconfiguration === 'port-taken') return null;
  const rejections = request === 'upgrade' ? [400, 503] : [502, 503];
  return isRouted(scenario) && rejections.includes(status) ? null : `${request} got ${status}`;
}

/** Puma was ready and healthy, and the stop so far away that the request could not meet it. */
function mustBeServed(analysis: Analysis, record: RequestRecord): boolean {
  const { scenario, history, traces, slackMs } = analysis;
  const { request, sentAtMs } = record;
  if (request === 'upgrade' || !isRouted(scenario)) return false;
  // The guard may restart it, or keep it from starting while memory is short.
  if (scenario.memory !== 'off' && (request === 'stream' || scenario.behaviors.puma.grows !== null)) return false;
  // A puma that floods a stalled reader is blocked.
  if (history.injected.some(({ fault }) => fault.type === 'stall-reader')) return false;
  const stopMs = analysis.stop.fromMs;
  const puma = traces.find((trace) => trace.child === 'puma' && trace.role === 'leader');
  if (puma?.readyAtMs == null || sentAtMs <= puma.readyAtMs + slackMs || sentAtMs >= stopMs - slackMs) return false;
  const untilMs = disturbedAtMs(puma) - slackMs;
  if (request !== 'stream') return sentAtMs + REQUEST_MS < untilMs;
  // A stop breaks a stream off.
  return sentAtMs + streamTakesMs(analysis, record) < Math.min(untilMs, stopMs - slackMs);
}

/** When it crashed, or when a fault reached it. */
function disturbedAtMs({ exit, killedAtMs, suspendedAtMs, injectedTermsAtMs }: Trace): number {
  const crashedAtMs = exit?.isCrash ? exit.atMs : Infinity;
  return Math.min(crashedAtMs, killedAtMs ?? Infinity, ...suspendedAtMs, ...injectedTermsAtMs);
}

/** Infinity where there is no streaming, or it was not healthy all the time. */
function streamTakesMs({ scenario, traces }: Analysis, { sentAtMs }: RequestRecord): number {
  const { startupMs, crash, wrapper, onTerm } = scenario.behaviors.streaming;
  if (scenario.streaming === 'none' || crash !== null || wrapper !== null) return Infinity;
  const leaders = traces.filter(({ child, role }) => child === 'streaming' && role === 'leader');
  if (leaders.some((trace) => disturbedAtMs(trace) < Infinity)) return Infinity;
  // A request that finds streaming stopping for idleness waits for that, and for the next start.
  const mayFindItStopping = scenario.streaming === 'on-demand' && leaders.some((one) => one.startedAtMs < sentAtMs);
  const idleStopMs = !mayFindItStopping ? 0 : onTerm.kind === 'ignore' ? Infinity : onTerm.afterMs;
  return idleStopMs + startupMs + ON_DEMAND_MS + REQUEST_MS;
}

/** Above the threshold `act`, a helper that grows is ended or something is restarted; above `emergency` something always is restarted, or
 * the dyno exits for memory. */
export function checkMemory(analysis: Analysis): string[] {
  const { scenario, history, causes, slackMs } = analysis;
  const { events, end, endedAtMs } = history;
  if (scenario.memory === 'off' || end.code === 75) return [];
  const stop = firstOf(causes.filter(({ kind }) => kind !== 'memory'));
  const fromMs = guardKnowsAtMs(analysis);
  const untilMs = Math.min(stop.fromMs, endedAtMs) - GUARD_ACTS_MS - slackMs;
  return events
    .filter((event) => needsAction(scenario, event) && !isKilledHelper(event, history))
    .filter((event) => Math.max(event.atMs, fromMs) < untilMs && !isHandled(analysis, stop, event))
    .map(({ process, atMs }) => {
      return `${process} grew ${Math.round(endedAtMs - atMs)} ms before the end, and the guard did nothing`;
    });
}

/** From then on every child is ready and fits into the quota, helpers apart, and the guard has seen that. Before, it acts as well, but what
 * it does depends on more than the history holds. Infinity: it may never learn that the children are ready. */
function guardKnowsAtMs({ scenario, history, traces }: Analysis): number {
  const children = childrenOf(scenario).filter((child) => child !== 'streaming' || scenario.streaming === 'inline');
  if (scenario.tmp !== 'writable' && children.includes('sidekiq')) return Infinity;
  const readyAtMs = children.map(
    (child) => traces.find((trace) => trace.child === child && trace.readyAtMs !== null)?.readyAtMs ?? Infinity,
  );
  const allReadyAtMs = Math.max(...readyAtMs);
  const grownAtMs = history.events.find((event) => growsItself(scenario, event))?.atMs ?? Infinity;
  return allReadyAtMs + SAMPLE_MS < grownAtMs ? allReadyAtMs : Infinity;
}

function growsItself({ behaviors }: Scenario, { process, event }: ChildEvent): boolean {
  return event === 'grow' && behaviors[process as ChildName].grows?.kind === 'self';
}

/** From `act` on, a child that grows itself can only be restarted if it was ready before: that is not checked. */
function needsAction(scenario: Scenario, event: ChildEvent): boolean {
  return helperIn(event) !== null || (scenario.memory === 'emergency' && growsItself(scenario, event));
}

function isKilledHelper(event: ChildEvent, { injected }: History): boolean {
  const pid = helperIn(event);
  return pid !== null && injected.some(({ fault, pids }) => fault.type === 'kill' && pids.includes(pid));
}

/** The guard acted, or the child has exited or cannot record what happened. Where several children grow, the guard may have been
 * busy with another one: then any action counts. */
function isHandled({ scenario, history, traces }: Analysis, stop: Period, grown: ChildEvent): boolean {
  const { events, output } = history;
  const growing = events.filter((event) => event.event === 'grow' || helperIn(event) !== null);
  const isAlone = growing.every(({ pid }) => pid === grown.pid);
  const isConcerned = (child: ChildName): boolean =>
    isAlone ? child === grown.process : scenario.behaviors[child].grows !== null;
  if (traces.some((trace) => isConcerned(trace.child) && isGoneOrSilent(trace, stop))) return true;
  const faultPids = events.filter((event) => isKilledHelper(event, history)).map(({ pid }) => pid);
  const isEndedHelper = ({ event, pid, atMs }: ChildEvent): boolean =>
    event === 'helper-ended' && (isAlone ? pid === grown.pid && atMs >= grown.atMs : !faultPids.includes(pid));
  if (events.some(isEndedHelper)) return true;
  const pids = [helperIn(grown), ...events.filter(({ process }) => process === grown.process).map(({ pid }) => pid)];
  return memoryActionsIn(output).some(
    // Streaming on demand may have to be stopped first.
    ({ child, pid }) =>
      !isAlone || child === grown.process || child === 'streaming' || (pid !== null && pids.includes(pid)),
  );
}

function isGoneOrSilent(trace: Trace, stop: Period): boolean {
  const { exitsUnrequested, termsAtMs, injectedTermsAtMs, killedAtMs, suspendedAtMs } = trace;
  const hasTerm = (termsAtMs[injectedTermsAtMs.length] ?? Infinity) < stop.fromMs;
  return exitsUnrequested || hasTerm || killedAtMs !== null || suspendedAtMs.length > 0;
}
