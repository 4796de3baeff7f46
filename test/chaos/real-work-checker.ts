import {
  REAL_KILL_AFTER_MS,
  SIDEKIQ_THREADS,
  SIDEKIQ_TIMEOUT_MS,
  type InjectedRealFault,
  type RealHistory,
  type RealRequestRecord,
  type WorkEvent,
} from './history.ts';
import type { RealAnalysis } from './real-checker.ts';
import { reaches } from './real-scenario.ts';

/** Sidekiq puts jobs back some time after its timeout; a job that finishes meanwhile is done and waits again. */
const REQUEUE_MS = 1500;
/** Time for Redis to exit after TERM. */
const REDIS_EXITS_MS = 500;
/** Time for a response to get from the app to the client. */
const RESPONSE_MS = 1000;

type Job = ReturnType<typeof jobsIn>[number];

function jobsIn({ jobs, events, waitingJobs }: RealHistory) {
  return jobs.map(({ id, atMs }) => {
    const own = events.filter((event) => event.id === id);
    const finished = own.filter(({ event }) => event === 'finished').map(({ atMs }) => atMs);
    return { id, enqueuedAtMs: atMs, events: own, finished, waits: waitingJobs.filter((one) => one === id).length };
  });
}

/** No job is lost, and none is done twice. Sidekiq without Pro promises less in four cases, and only they are tolerated: jobs in progress
 * when a fault ends it; jobs it cannot put back since Redis is away; jobs that Redis took out of the queue for a client and lost when it
 * exited; and a job that finishes just when it is put back. */
export function checkJobs(analysis: RealAnalysis): string[] {
  const all = jobsIn(analysis.history);
  const lost = all.filter(({ finished, waits }) => finished.length === 0 && waits === 0);
  const wrong = all.filter(({ finished, waits }) => {
    const isTwice = finished.length > 1 || waits > 1;
    return isTwice || (finished.length + waits > 1 && !isPutBack(finished, analysis));
  });
  return [
    ...checkLost(lost, analysis),
    ...wrong.map(({ id, finished, waits }) => `job ${id} was done ${finished.length} times and waits ${waits} times`),
  ];
}

/** Each thread of sidekiq has at most one job in progress. */
function checkLost(lost: readonly Job[], analysis: RealAnalysis): string[] {
  const isTolerated = (job: Job): boolean =>
    isInProgress(job, analysis.hurtMs.sidekiq) || isRedisAway(analysis) || isLostByRedis(job, analysis.history);
  const tolerated = lost.filter(isTolerated).length;
  const tooMany = `${tolerated} jobs are lost, and only ${SIDEKIQ_THREADS} could be in progress`;
  const stepsOf = ({ events }: Job): string[] => events.map(({ event, pid, atMs }) => `${event} by ${pid} at ${atMs}`);
  return [
    ...lost
      .filter((job) => !isTolerated(job))
      .map((job) => `job ${job.id} is lost: ${stepsOf(job).join(', ') || 'it never started'}`),
    ...(tolerated > SIDEKIQ_THREADS ? [tooMany] : []),
  ];
}

/** Fetched before and not finished. A job that was only fetched has recorded nothing. */
function isInProgress({ events }: Job, atMs: number): boolean {
  if (atMs === Infinity) return false;
  const last = events.at(-1);
  return last === undefined || (last.event !== 'finished' && last.atMs <= atMs + REQUEUE_MS);
}

/** Redis was away when sidekiq's timeout expired. */
function isRedisAway({ history, stopMs }: RealAnalysis): boolean {
  const stops = [stopMs, ...signalsToSidekiq(history)];
  return restartsIn(history).some(({ atMs, untilMs }) =>
    stops.some((stop) => untilMs >= stop && atMs <= stop + SIDEKIQ_TIMEOUT_MS + REQUEUE_MS),
  );
}

/** BRPOP takes a job out of the queue; a Redis that exits before it has replied loses it. */
function isLostByRedis({ events, enqueuedAtMs }: Job, history: RealHistory): boolean {
  return events.length === 0 && restartsIn(history).some(({ atMs }) => enqueuedAtMs <= atMs + REDIS_EXITS_MS);
}

function restartsIn({ injected }: RealHistory): InjectedRealFault[] {
  return injected.filter(({ fault }) => fault.type === 'restart-redis');
}

function signalsToSidekiq({ injected }: RealHistory): number[] {
  return injected.filter(({ fault }) => fault.type === 'signal' && fault.target === 'sidekiq').map(({ atMs }) => atMs);
}

function isPutBack([finishedAtMs]: readonly number[], { history, causes }: RealAnalysis): boolean {
  const stops = [...causes.map(({ atMs }) => atMs), ...signalsToSidekiq(history), history.endedAtMs];
  const isNear = (stopMs: number, atMs: number): boolean => Math.abs(atMs - stopMs - SIDEKIQ_TIMEOUT_MS) <= REQUEUE_MS;
  return finishedAtMs !== undefined && stops.some((stopMs) => isNear(stopMs, finishedAtMs));
}

/** Each response is correct and complete, or the connection breaks, or the router rejects the request for a documented reason. A request
 * in flight at the stop gets its response, unless a fault hurts puma. */
export function checkRealRequests(analysis: RealAnalysis): string[] {
  const due = requestsDue(analysis);
  return analysis.history.requests.flatMap((record) => {
    const { id, result, sentAtMs, endedAtMs } = record;
    const { status, isCorrect } = typeof result === 'object' ? result : { status: null, isCorrect: false };
    if (status === 200 && isCorrect) return [];
    const got = typeof result === 'string' ? result : `${status}, ${isCorrect ? 'correct' : 'a wrong body'}`;
    const reason = due.get(id);
    const isUnexpected = status !== null && !isRejection(analysis, record, status);
    // The puma of a killed supervisor drains for longer than the client waits.
    const isLeftOpen = result === 'timeout' && !analysis.isSupervisorKilled;
    return [
      ...(reason === undefined ? [] : [`request ${id} was ${reason}, and got ${got}`]),
      ...(isLeftOpen ? [`request ${id} was neither answered nor cut off`] : []),
      ...(isUnexpected ? [`request ${id} of ${sentAtMs} got ${got} at ${endedAtMs}`] : []),
    ];
  });
}

/** Requests to which the app has responded, or had the time to respond. */
function requestsDue(analysis: RealAnalysis): Map<string, string> {
  const { history } = analysis;
  if (analysis.isSupervisorKilled) return new Map();
  const untilMs = servesUntilMs(analysis) - RESPONSE_MS - history.lagMs;
  const isEverSuspended = history.injected.some(({ fault }) => fault.type === 'suspend');
  const started = requestStarts(history).filter(({ respondsAtMs }) => !isEverSuspended && respondsAtMs < untilMs);
  const responded = history.events.filter(({ event, atMs }) => event === 'responded' && atMs < untilMs);
  return new Map([...started, ...responded].map(({ id, event, atMs }) => [id, `${event} in the app at ${atMs}`]));
}

/** When the app began with a request, and when it responds. */
export function requestStarts({ events, requests }: RealHistory): (WorkEvent & { respondsAtMs: number })[] {
  const durations = new Map(requests.map(({ id, durationMs }) => [id, durationMs]));
  const starts = events.filter(({ kind, event }) => kind === 'request' && event === 'started');
  return starts.map((start) => ({ ...start, respondsAtMs: start.atMs + (durations.get(start.id) ?? 0) }));
}

function servesUntilMs({ hurtMs, stopMs }: RealAnalysis): number {
  return Math.min(hurtMs.puma, stopMs + REAL_KILL_AFTER_MS);
}

/** docs/one-dyno.md: 502 from a puma that fails, exits, or gets its TERM with requests in its queue, a third of the time after the stop;
 * 503 where no puma will come; otherwise the router waits. */
function isRejection(analysis: RealAnalysis, { endedAtMs }: RealRequestRecord, status: number): boolean {
  const { scenario, history, stopMs } = analysis;
  if (!scenario.hasRouter) return false;
  const firstMs = (test: (fault: InjectedRealFault['fault']) => boolean): number =>
    history.injected.find(({ fault }) => test(fault))?.atMs ?? Infinity;
  const termMs = stopMs + REAL_KILL_AFTER_MS / 3 - 50;
  const signalMs = firstMs((fault) => 'signal' in fault && reaches(fault, 'puma'));
  const failsMs = Math.min(servesUntilMs(analysis), termMs, signalMs);
  const restartMs = firstMs((fault) => fault.type === 'signal' && /USR[12]/.test(fault.signal));
  if (status === 502) return endedAtMs >= Math.min(failsMs, restartMs);
  return status === 503 && endedAtMs >= Math.min(stopMs, failsMs);
}
