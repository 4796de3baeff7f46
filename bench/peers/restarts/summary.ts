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
  `The platform sends TERM to all processes at once (as Heroku does) or to the main process (as Docker, Render, Fly and Scalingo do).
It sends SIGKILL to every process that is left when the main process exits, or after 30 s, and then starts the next dyno. Two dynos never overlap.`,
  `The dyno runs puma with 3 threads and a small rack app, and sidekiq with 5 threads and jobs of 0.5 to 12 s. The queue always holds
more jobs than it can run; each dyno has its own Redis. TERM comes 1 to 3 s after puma answers and all five threads have a job. All peers get the same random numbers.`,
  `A job is lost if in the end it is not done, not in the queue and not in the retry set. "of": the jobs in progress at TERM; a sidekiq that goes on fetching can lose further ones. No job is longer than the 25 s that sidekiq has for a shutdown, so returning longer jobs to the queue is not measured here.`,
  `Four clients pause up to 0.1 s between two requests; two of them keep their connections alive; responses take up to 200 ms.
A request has failed if its connection was open and it got no complete response, or a 5xx from puma. A refused connection, while nothing listens, is not a failure.
"turned away": sent after TERM and answered with 503 by our router. These count neither as answered nor as failed. Without the router such a request is refused or cut.`,
  `Under any supervisor, puma itself can cut a request that arrives between TERM and the close of its socket. The failed requests that
were sent before TERM are therefore counted separately. The shell line does not handle a TERM sent to it alone, so the KILL cuts its requests. Where only the main process gets TERM, our router closes the port before puma gets its TERM.`,
  `All peers have their default settings. A longer wait before KILL can be set, and helps: pm2 \`kill_timeout\`, foreman \`-t\`,
supervisord \`stopwaitsecs\`.`,
  MAIN_PROCESS_NOTE,
  `32 dynos run at the same time, of which at most two boot. No restart begins later than 24 minutes after the first, so a peer that hangs is restarted less often.`,
];
