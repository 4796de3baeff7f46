// The figure `restarts` in words.
import { ASKED_OTHERWISE } from '../peers.js';

const HEADS = [
  '',
  'jobs lost, TERM to all',
  'TERM to the main process',
  'jobs done twice',
  'requests failed, TERM to all',
  'TERM to the main process',
  'the main process ends before its children',
  'has to be killed',
];

/** data: { [name]: { all, main } } of sumOf(); restarts: how often each was to be restarted. */
export function tableOf(data, restarts) {
  const rows = Object.entries(data).map(([name, { all, main }]) => [name, ...cellsOf(all, main, restarts)]);
  return {
    title: `${restarts} restarts of real puma and sidekiq at work, for each way to send TERM`,
    rows: [HEADS, ...rows],
    notes: NOTES,
  };
}

function cellsOf(all, main, restarts) {
  const both = (count) => (count(all) + count(main) === 0 ? '0' : `${count(all)} and ${count(main)}`);
  return [
    jobsOf(all, restarts),
    jobsOf(main, restarts),
    `${all.jobs.doneTwice + main.jobs.doneTwice}`,
    requestsOf(all),
    requestsOf(main),
    both(({ endedBeforeChildren }) => endedBeforeChildren),
    both(({ killedByPlatform }) => killedByPlatform),
  ];
}

/** Of those in hand at the TERM; one that goes on fetching can lose others. */
function jobsOf({ jobs, inHand, restarts: done }, restarts) {
  return `${jobs.lost} of ${inHand}${done < restarts ? ` in ${done} restarts` : ''}`;
}

function requestsOf({ requests: { answered, failedFresh, failedKept, failedEarly, turnedAway } }) {
  const failed = failedFresh + failedKept;
  const early = failed > 0 ? ` (${failedEarly} sent before the TERM)` : '';
  return `${failed} of ${answered + failed}${early}${turnedAway > 0 ? `, ${turnedAway} turned away` : ''}`;
}

const NOTES = [
  `The platform: TERM to all processes at once (as Heroku) or to the main one (as Docker, Render, Fly, Scalingo); SIGKILL for all
that is left as soon as the main process has ended, or 30 s later; then the next dyno. Old and new do not overlap.`,
  `The dyno: puma with 3 threads and a small rack app, sidekiq with 5 threads and jobs of 0.5 to 12 s, more in the queue than it can
take; a Redis of its own. The TERM comes when puma answers and all five threads have a job, and 1 to 3 s later. Chance is the same for all.`,
  `A job is lost that is, at the end, neither done, nor in the queue, nor to be retried. Of: those in hand at the TERM; a sidekiq that goes on fetching can lose others. None is longer than the 25 s that sidekiq has: that it gives longer ones back is not measured here.`,
  `Four clients, up to 0.1 s between two requests of one, two of them on kept connections, answers of up to 200 ms. A request has failed whose connection
stood and that got no whole answer, or a 5xx of puma. A refused connection, while nobody listens, is none. Turned away: asked after the TERM,
answered with 503 by our router; counted apart, neither answered nor failed. Without the router such a request is refused, or cut.`,
  `Who asks in the instant between the TERM and the end of puma's socket can be cut by puma itself, whoever supervises it: of the
failed, those sent before the TERM are told apart. (The shell line does not hear a TERM to it alone: its failures are cut by the KILL.) Our router closes the port before puma gets its TERM, where it is the only one to get it.`,
  `Everybody with their default settings. Longer waits before a KILL can be set, and help: pm2 \`kill_timeout\`, foreman \`-t\`,
supervisord \`stopwaitsecs\`.`,
  ASKED_OTHERWISE,
  `32 dynos at the same time, at most two of them booting, none later than 24 minutes after the first: one that hangs is restarted less often.`,
];
