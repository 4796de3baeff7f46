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
import { reaches } from './scenario.ts';

/** Sidekiq puts jobs back some time after its timeout; a job that finishes meanwhile is done and waits again. */
const REQUEUE_MS = 1500;
/** Time for Redis to exit after TERM. */
const REDIS_EXITS_MS = 500;
/** Time for a response to get from the app to the client. */
const RESPONSE_MS = 1000;

type Job = {
  id: string;
  enqueuedAtMs: number;
  events: readonly WorkEvent[];
  finished: readonly number[];
  waits: number;
};

/**
 * No job is lost, and none is done twice. Sidekiq without Pro promises less in four cases, and only they are tolerated: jobs in
 * progress when a fault ends it; jobs it cannot put back since Redis is away; jobs that Redis took out of the queue for a client and lost
 * when it exited; and a job that finishes just when it is put back.
 */
export function checkJobs(analysis: RealAnalysis): string[] {
  const { jobs, events, waitingJobs } = analysis.history;
  const all = jobs.map(({ id, atMs }): Job => {
    const own = events.filter((event) => event.id === id);
    const finished = own.filter(({ event }) => event === 'finished').map(({ atMs }) => atMs);
    return { id, enqueuedAtMs: atMs, events: own, finished, waits: waitingJobs.filter((one) => one === id).length };
  });
  const lost = all.filter(({ finished, waits }) => finished.length === 0 && waits === 0);
  const twice = all.filter(({ finished, waits }) => finished.length + waits > 1);
  const wrong = twice.filter(
    ({ finished, waits }) => waits > 1 || finished.length > 1 || !isPutBack(finished, analysis),
  );
  return [
    ...checkLost(lost, analysis),
    ...wrong.map(({ id, finished, waits }) => `job ${id} was done ${finished.length} times and waits ${waits} times`),
  ];
}

/** Each thread of sidekiq has at most one job in progress. */
function checkLost(lost: readonly Job[], analysis: RealAnalysis): string[] {
  const isTolerated = (job: Job): boolean =>
    isInProgress(job, analysis.sidekiqHurtMs) || isRedisAway(analysis) || isLostByRedis(job, analysis.history);
  const tolerated = lost.filter(isTolerated).length;
  const tooMany = `${tolerated} jobs are lost, and only ${SIDEKIQ_THREADS} could be in progress`;
  return [
    ...lost.filter((job) => !isTolerated(job)).map((job) => `job ${job.id} is lost: ${describe(job)}`),
    ...(tolerated > SIDEKIQ_THREADS ? [tooMany] : []),
  ];
}

function describe({ events }: Job): string {
  if (events.length === 0) return 'it never started';
  return events.map(({ event, pid, atMs }) => `${event} by ${pid} at ${atMs}`).join(', ');
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
    if (typeof result === 'object' && result.status === 200 && result.isCorrect) return [];
    const got =
      typeof result === 'string' ? result : `${result.status}, ${result.isCorrect ? 'correct' : 'a wrong body'}`;
    const reason = due.get(id);
    const isUnexpected = typeof result === 'object' && !isRejection(analysis, record, result.status);
    return [
      ...(reason === undefined ? [] : [`request ${id} was ${reason}, and got ${got}`]),
      // The puma of a killed supervisor drains for longer than the client waits.
      ...(result === 'timeout' && !analysis.isSupervisorKilled
        ? [`request ${id} was neither answered nor cut off`]
        : []),
      ...(isUnexpected ? [`request ${id} of ${sentAtMs} got ${got} at ${endedAtMs}`] : []),
    ];
  });
}

/** Requests to which the app has responded, or had the time to respond. */
function requestsDue({ history, isSupervisorKilled, ...analysis }: RealAnalysis): Map<string, string> {
  const untilMs = servesUntilMs(analysis) - RESPONSE_MS - history.lagMs;
  const isEverSuspended = history.injected.some(({ fault }) => fault.type === 'suspend');
  const durations = new Map(history.requests.map(({ id, durationMs }) => [id, durationMs]));
  const due = history.events.filter(({ kind, event, id, atMs }) => {
    if (kind !== 'request' || isSupervisorKilled) return false;
    if (event === 'started') return !isEverSuspended && atMs + (durations.get(id) ?? 0) < untilMs;
    return event === 'responded' && atMs < untilMs;
  });
  return new Map(due.map(({ id, event, atMs }) => [id, `${event} in the app at ${atMs}`]));
}

function servesUntilMs({ pumaHurtMs, stopMs }: Pick<RealAnalysis, 'pumaHurtMs' | 'stopMs'>): number {
  return Math.min(pumaHurtMs, stopMs + REAL_KILL_AFTER_MS);
}

/**
 * docs/one-dyno.md: 502 from a puma that fails, exits, or gets its TERM with requests in its queue, a third of the time after the
 * stop; 503 where no puma will come; otherwise the router waits.
 */
function isRejection(analysis: RealAnalysis, { endedAtMs }: RealRequestRecord, status: number): boolean {
  const { scenario, history, stopMs } = analysis;
  if (!scenario.hasRouter) return false;
  const firstMs = (test: (fault: InjectedRealFault['fault']) => boolean): number =>
    history.injected.find(({ fault }) => test(fault))?.atMs ?? Infinity;
  const termMs = stopMs + REAL_KILL_AFTER_MS / 3 - 50;
  const signalMs = firstMs((fault) => 'signal' in fault && reaches(fault, 'puma'));
  const failsMs = Math.min(servesUntilMs(analysis), termMs, signalMs);
  const restartMs = firstMs(
    ({ type, ...fault }) => type === 'signal' && /USR[12]/.test(String('signal' in fault && fault.signal)),
  );
  if (status === 502) return endedAtMs >= Math.min(failsMs, restartMs);
  return status === 503 && endedAtMs >= Math.min(stopMs, failsMs);
}
