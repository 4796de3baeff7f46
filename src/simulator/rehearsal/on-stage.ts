import { clock } from '../../process/clock.ts';
import type { LoadReport } from '../edge/load-counts.ts';
import { startLoad } from '../edge/load.ts';
import { JobsInLog } from '../jobs-in-log.ts';
import { PLATFORM, scaled } from '../rules.ts';
import type { Running } from '../simulate.ts';
import type { Requests } from './figures.ts';
import type { JobCounts, Load, Stage } from './stage.ts';

/** Of a small instance, in platform time. */
const PER_SECOND = 3;
/** What puma answers without a database. */
const ANSWERED_BY_EVERY_APP = '/health';

export type Wishes = {
  /** What the simulation was started with, and reads again with each deploy. */
  env: NodeJS.ProcessEnv;
  path: string | null;
  interrupted: AbortSignal;
};

/** A running simulation as a place for scenes. */
export function onStage(running: Running, { env, path, interrupted }: Wishes): Stage {
  const jobs = new JobsInLog();
  running.onLine(({ source, text }) => {
    if (source === 'app') jobs.take(text);
  });
  return {
    simulation: running,
    rules: scaled(PLATFORM, running.view().timeScale),
    clock,
    interrupted,
    path,
    startLoad: (asked) => loadOn(running, asked ?? ANSWERED_BY_EVERY_APP),
    jobs: () => countsOf(jobs, running),
    failReleases: (isFailing) => {
      if (!running.app().standIns) return false;
      if (isFailing) env.STAND_IN_FAIL = 'db:migrate';
      else delete env.STAND_IN_FAIL;
      return true;
    },
    connectionsLimit: running.app().connectionsMost,
  };
}

/** In hand is what works on in a process that lives. */
function countsOf(jobs: JobsInLog, running: Running): JobCounts {
  const lives = running.view().dynos.flatMap(({ runs }) => runs);
  const pids = new Set(lives.flatMap(({ processes }) => processes.map(({ pid }) => pid)));
  const lost = jobs.lost((pid) => pids.has(pid));
  return { done: jobs.done, lost, inHand: jobs.lost() - lost };
}

function loadOn(running: Running, path: string): Load {
  const { app, timeScale } = running.view();
  const load = startLoad({ url: app.url, path, perSecond: PER_SECOND * timeScale });
  let stopped: Promise<Requests> | null = null;
  return {
    answered: () => load.answered + load.failures.length,
    stop: () => (stopped ??= load.stop().then(requestsOf)),
    drop: () => load.drop(),
  };
}

function requestsOf({ sent, answered, failed, failures, p50Ms, p99Ms }: LoadReport): Requests {
  const counts = new Map<string, number>();
  for (const { what } of failures) counts.set(what, (counts.get(what) ?? 0) + 1);
  const kinds = [...counts].map(([what, count]) => ({ what, count }));
  const isKnown = answered > 0;
  return { sent, failed, failures: kinds, p50Ms: isKnown ? p50Ms : null, p99Ms: isKnown ? p99Ms : null };
}
