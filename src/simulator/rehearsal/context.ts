import { clock } from '../../process/runtime.ts';
import type { Clock } from '../../host.ts';
import { type LoadReport, startLoad } from '../edge/load.ts';
import { PLATFORM, type Rules, scaleRules } from '../platform/rules.ts';
import type { Simulation } from '../simulation.ts';
import type { RunningSimulation } from '../start-simulation.ts';
import { formatDuration, type RequestFigures } from './figures.ts';
import { JobLog } from './job-log.ts';

/** What a scenario runs with. */
export type Context = {
  simulation: Simulation;
  /** The platform's rules, scaled. */
  rules: Rules;
  clock: Clock;
  /** Aborted when the user ends the rehearsal. */
  interrupted: AbortSignal;
  /** Sends requests through the edge until stopped. path null: one that every Mastodon answers. */
  startLoad: (path: string | null) => ScenarioLoad;
  /** The path that the scenarios request. */
  path: string | null;
  /** Jobs so far, in all instances of all dynos. */
  jobs: () => JobCounts;
  /** Makes the next releases fail, or no longer. Returns false with real processes, which cannot be made to fail. */
  failReleases: (isFailing: boolean) => boolean;
  /** The database plan's connection limit. */
  connectionsLimit: number;
};

export type ScenarioLoad = {
  /** Requests answered so far, including failures. */
  answered: () => number;
  /** Waits for open requests. May be called twice. */
  stop: () => Promise<RequestFigures>;
  /** Fails the open requests at once. */
  abort: () => void;
};

/** busy: started jobs of live processes. */
export type JobCounts = { done: number; lost: number; busy: number };

/** The scenario cannot continue. The message says why. */
export class ScenarioFailed extends Error {
  readonly code = 'SCENARIO_FAILED';
}

/** The user has ended the rehearsal. */
export class Interrupted extends Error {
  readonly code = 'INTERRUPTED';
}

/** Added to the platform's limits for a slow machine. */
export const SLACK_MS = 10_000;
const POLL_MS = 25;

/** Polls until `read` returns a value. `what` describes it in the error.
 * @throws ScenarioFailed after the timeout, Interrupted */
export async function waitFor<T>(context: Context, what: string, timeoutMs: number, read: () => T | null): Promise<T> {
  const found = await poll(context, timeoutMs, read);
  if (found === null) throw new ScenarioFailed(`${what}: not within ${formatDuration(timeoutMs)}`);
  return found;
}

/** Like waitFor, but resolves with null after the timeout. */
export async function poll<T>(context: Context, timeoutMs: number, read: () => T | null): Promise<T | null> {
  const end = context.clock.now() + timeoutMs;
  for (;;) {
    if (context.interrupted.aborted) throw new Interrupted('interrupted');
    const found = read();
    if (found !== null || context.clock.now() >= end) return found;
    await new Promise<void>((resolve) => void context.clock.after(POLL_MS, resolve));
  }
}

/** The load of a small instance, in platform time. */
const REQUESTS_PER_SECOND = 3;
/** puma answers it without a database. */
const DEFAULT_PATH = '/health';

type ContextOptions = {
  /** The environment that the simulation was started with. Each deploy reads it again. */
  env: NodeJS.ProcessEnv;
  path: string | null;
  interrupted: AbortSignal;
};

/** Creates the context for a running simulation. */
export function createContext(running: RunningSimulation, { env, path, interrupted }: ContextOptions): Context {
  const jobs = new JobLog();
  running.onLine(({ source, text }) => {
    if (source === 'app') jobs.addLine(text);
  });
  return {
    simulation: running,
    rules: scaleRules(PLATFORM, running.view().timeScale),
    clock,
    interrupted,
    path,
    startLoad: (path) => startScenarioLoad(running, path ?? DEFAULT_PATH),
    jobs: () => countJobs(jobs, running),
    failReleases: (isFailing) => {
      if (!running.app().standIns) return false;
      if (isFailing) env.STAND_IN_FAIL = 'db:migrate';
      else delete env.STAND_IN_FAIL;
      return true;
    },
    connectionsLimit: running.app().maxConnections,
  };
}

/** Jobs of live processes count as busy, not as lost. */
function countJobs(jobs: JobLog, running: RunningSimulation): JobCounts {
  const lives = running.view().dynos.flatMap(({ runs }) => runs);
  const pids = new Set(lives.flatMap(({ processes }) => processes.map(({ pid }) => pid)));
  const lost = jobs.lost((pid) => pids.has(pid));
  return { done: jobs.done, lost, busy: jobs.lost() - lost };
}

function startScenarioLoad(running: RunningSimulation, path: string): ScenarioLoad {
  const { app, timeScale } = running.view();
  const load = startLoad({ url: app.url, path, perSecond: REQUESTS_PER_SECOND * timeScale });
  let stopped: Promise<RequestFigures> | null = null;
  return {
    answered: () => load.answered + load.failures.length,
    stop: () => (stopped ??= load.stop().then(requestFigures)),
    abort: () => load.abort(),
  };
}

function requestFigures({ sent, answered, failed, failures, p50Ms, p99Ms }: LoadReport): RequestFigures {
  const counts = new Map<string, number>();
  for (const { reason: what } of failures) counts.set(what, (counts.get(what) ?? 0) + 1);
  const kinds = [...counts].map(([what, count]) => ({ what, count }));
  const isKnown = answered > 0;
  return { sent, failed, failures: kinds, p50Ms: isKnown ? p50Ms : null, p99Ms: isKnown ? p99Ms : null };
}
