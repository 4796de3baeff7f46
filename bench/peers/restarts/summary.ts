// The figure `restarts`: the sum over all turns of one peer, and its table.
import { median, sum } from '../../report/statistics.ts';
import type { Row } from '../../report/markdown.ts';
import { MAIN_PROCESS_NOTE } from '../peers.ts';
import type { JobOutcome } from './jobs.ts';
import type { RequestCounts } from './load-clients.ts';
import type { RestartsOutcome } from './worker.ts';

export type RestartFigures = {
  restarts: number;
  notUp: number;
  crashed: number;
  killedByPlatform: number;
  endedBeforeChildren: number;
  medianStopMs: number;
  inHand: number;
  jobs: JobOutcome;
  requests: RequestCounts;
  errors: Record<string, number>;
};
/** By the recipients of SIGTERM. */
export type Restarts = { all: RestartFigures; main: RestartFigures };

export function summarizeRestarts(outcomes: readonly RestartsOutcome[]): RestartFigures {
  const restarts = outcomes.flatMap((outcome) => outcome.restarts);
  return {
    restarts: restarts.length,
    notUp: restarts.filter(({ isUp }) => !isUp).length,
    crashed: restarts.filter(({ hasCrashed }) => hasCrashed).length,
    killedByPlatform: restarts.filter(({ stopMs }) => stopMs === null).length,
    endedBeforeChildren: restarts.filter(({ stopMs, left }) => stopMs !== null && left > 0).length,
    medianStopMs: median(restarts.flatMap(({ stopMs }) => (stopMs === null ? [] : [stopMs]))),
    inHand: sum(restarts.map(({ inHand }) => inHand)),
    jobs: addJobs(outcomes.map(({ jobs }) => jobs)),
    requests: addRequests(outcomes.map(({ requests }) => requests)),
    errors: addCounts(outcomes.map(({ errors }) => errors)),
  };
}

function addJobs(all: readonly JobOutcome[]): JobOutcome {
  const total = { enqueued: 0, done: 0, waiting: 0, lost: 0, doneTwice: 0 };
  return { ...total, ...addCounts(all) };
}

function addRequests(all: readonly RequestCounts[]): RequestCounts {
  const total = { answered: 0, failedFresh: 0, failedKept: 0, failedEarly: 0, turnedAway: 0, refused: 0 };
  return { ...total, ...addCounts(all) };
}

/** Adds the values of each key. */
function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [key, count] of all.flatMap((counts) => Object.entries(counts))) total[key] = (total[key] ?? 0) + count;
  return total;
}

/** `restarts`: how many each peer should have had. */
export function restartsTable(
  data: Record<string, Restarts>,
  restarts: number,
): { title: string; rows: Row[]; notes: string[] } {
  const rows = Object.entries(data).map(([name, { all, main }]) => [name, ...cellsOf(all, main, restarts)]);
  return {
    title: `${restarts} restarts of real puma and sidekiq at work, for each way to send TERM`,
    rows: [HEADINGS, ...rows],
    notes: NOTES,
  };
}

function cellsOf(all: RestartFigures, main: RestartFigures, restarts: number): string[] {
  const both = (count: (figures: RestartFigures) => number) =>
    count(all) + count(main) === 0 ? '0' : `${count(all)} and ${count(main)}`;
  return [
    jobsText(all, restarts),
    jobsText(main, restarts),
    `${all.jobs.doneTwice + main.jobs.doneTwice}`,
    requestsText(all),
    requestsText(main),
    both(({ endedBeforeChildren }) => endedBeforeChildren),
    both(({ killedByPlatform }) => killedByPlatform),
  ];
}

/** Of the jobs in hand at SIGTERM. A sidekiq that goes on fetching can lose others. */
function jobsText({ jobs, inHand, restarts: done }: RestartFigures, restarts: number): string {
  return `${jobs.lost} of ${inHand}${done < restarts ? ` in ${done} restarts` : ''}`;
}

function requestsText({ requests }: RestartFigures): string {
  const { answered, failedFresh, failedKept, failedEarly, turnedAway } = requests;
  const failed = failedFresh + failedKept;
  const early = failed > 0 ? ` (${failedEarly} sent before the TERM)` : '';
  return `${failed} of ${answered + failed}${early}${turnedAway > 0 ? `, ${turnedAway} turned away` : ''}`;
}

const HEADINGS = [
  '',
  'jobs lost, TERM to all',
  'TERM to the main process',
  'jobs done twice',
  'requests failed, TERM to all',
  'TERM to the main process',
  'the main process ends before its children',
  'has to be killed',
];

const NOTES = [
  `The platform: TERM to all processes at once (as Heroku) or to the main one (as Docker, Render, Fly, Scalingo); SIGKILL for all
that is left as soon as the main process has ended, or 30 s later; then the next dyno. Old and new do not overlap.`,
  `The dyno: puma with 3 threads and a small rack app, sidekiq with 5 threads and jobs of 0.5 to 12 s, more in the queue than it can
take; a Redis of its own. The TERM comes when puma answers and all five threads have a job, and 1 to 3 s later. Chance is the same for all.`,
  `A job is lost that is, at the end, neither done, nor in the queue, nor to be retried. Of: those in hand at the TERM; a sidekiq that goes on fetching can lose others. None is longer than the 25 s that sidekiq has: that it gives longer ones back is not measured here.`,
  `Four clients, up to 0.1 s between two requests of one, two of them on kept connections, answers of up to 200 ms. A request has failed whose connection
stood and that got no whole answer, or a 5xx of puma. A refused connection, while nothing listens, is none. Turned away: asked after the TERM,
answered with 503 by our router; counted apart, neither answered nor failed. Without the router such a request is refused, or cut.`,
  `Who asks in the instant between the TERM and the end of puma's socket can be cut by puma itself, under any supervisor: of the
failed, those sent before the TERM are told apart. (The shell line does not hear a TERM to it alone: its failures are cut by the KILL.) Our router closes the port before puma gets its TERM, where it is the only one to get it.`,
  `Everybody with their default settings. Longer waits before a KILL can be set, and help: pm2 \`kill_timeout\`, foreman \`-t\`,
supervisord \`stopwaitsecs\`.`,
  MAIN_PROCESS_NOTE,
  `32 dynos at the same time, at most two of them booting, none later than 24 minutes after the first: one that hangs is restarted less often.`,
];
