// From SIGTERM to the end. Takes 7 minutes.
import { setTimeout as pause } from 'node:timers/promises';
import { dynoEnv } from '../dyno-env.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { MAIN_PROCESS_NOTE } from '../peers.ts';
import type { Peer } from '../peers.ts';
import { startAll } from '../run.ts';
import type { StartedPeer } from '../run.ts';
import { describeStops, stopRun, summarizeStops } from '../stop-outcome.ts';
import type { Recipients, Stop, StopSummary } from '../stop-outcome.ts';

type DrainName = '300' | '8000' | 'ever';
/** `isTogether`: all peers are stopped at the same time, for both kinds of recipients. */
type Drain = { name: DrainName; rounds: number; timeoutMs: number; isTogether: boolean };
type Stops = Record<Recipients, Partial<Record<DrainName, (Stop | null)[]>>>;
export type StopFigures = Record<Recipients, Partial<Record<DrainName, StopSummary>>>;
type PeerStop = { peer: Peer; recipients: Recipients; stop: Stop | null };

const COUNT = 3;
const SETTLE_MS = 1000;
const RECIPIENTS: readonly Recipients[] = ['main', 'all'];
/** Milliseconds count for children that need 0.3 s, so one peer is stopped at a time. The others mostly sleep. */
const SHORT: Drain = { name: '300', rounds: 12, timeoutMs: 5000, isTogether: false };
const LONG: Drain = { name: '8000', rounds: 3, timeoutMs: 12_000, isTogether: true };
const ENDLESS: Drain = { name: 'ever', rounds: 3, timeoutMs: 32_000, isTogether: true };
const DRAINS = [SHORT, LONG, ENDLESS];

export async function stop({ peers, say, isQuick }: FigureContext): Promise<FigureResult<StopFigures>> {
  const stops = new Map<string, Stops>(peers.map(({ name }) => [name, { main: {}, all: {} }]));
  for (const drain of DRAINS) {
    const { name } = drain;
    for (let round = 0; round < (isQuick ? 1 : drain.rounds); round += 1) {
      say(`children that need ${name}${name === 'ever' ? '' : ' ms'}, round ${round + 1}`);
      for (const { peer, recipients, stop: found } of await stopForBoth(peers, drain)) {
        const byDrain = stops.get(peer.name)?.[recipients];
        if (byDrain !== undefined) (byDrain[name] ??= []).push(found);
      }
    }
  }
  const data = Object.fromEntries(
    [...stops].map(([name, { main, all }]) => [name, { main: summarize(main), all: summarize(all) }]),
  );
  return { title: 'Stop: from TERM to the end', rows: rowsOf(data), notes: NOTES, data };
}

async function stopForBoth(peers: readonly Peer[], drain: Drain): Promise<PeerStop[]> {
  if (drain.isTogether) {
    return (await Promise.all(RECIPIENTS.map((recipients) => stopAll(peers, recipients, drain)))).flat();
  }
  return [...(await stopAll(peers, 'main', drain)), ...(await stopAll(peers, 'all', drain))];
}

async function stopAll(peers: readonly Peer[], recipients: Recipients, drain: Drain): Promise<PeerStop[]> {
  const { name, timeoutMs, isTogether } = drain;
  const runs = await startAll(peers, async () => ({ count: COUNT, first: `drain=${name}`, env: await dynoEnv() }));
  await pause(SETTLE_MS);
  const stopOne = async ({ peer, run }: StartedPeer): Promise<PeerStop> => {
    const found = await stopRun(run, recipients, { count: COUNT, timeoutMs });
    run.discard();
    return { peer, recipients, stop: found };
  };
  if (isTogether) return Promise.all(runs.map(stopOne));
  const found: PeerStop[] = [];
  for (const started of runs) found.push(await stopOne(started));
  return found;
}

function summarize(byDrain: Partial<Record<DrainName, (Stop | null)[]>>): StopFigures['main'] {
  return Object.fromEntries(Object.entries(byDrain).map(([drain, stops]) => [drain, summarizeStops(stops)]));
}

function rowsOf(data: Record<string, StopFigures>): string[][] {
  const columns = RECIPIENTS.flatMap((recipients) => DRAINS.map(({ name }) => ({ recipients, name })));
  const headings = columns.map(({ recipients, name }) => {
    const duration = name === 'ever' ? 'for ever' : `${Number(name) / 1000} s`;
    return `${duration}, TERM to ${recipients}`;
  });
  const cells = (figures: StopFigures) =>
    columns.map(({ recipients, name }) => {
      const summary = figures[recipients][name];
      return summary === undefined ? '' : describeStops(summary, name === 'ever');
    });
  return [['', ...headings], ...Object.entries(data).map(([name, figures]) => [name, ...cells(figures)])];
}

const NOTES = [
  'Three children that need the time in the heading after TERM. "main": TERM to the main process only, as Docker, Scalingo, Render and Fly send it; "all": to all processes at once, as Heroku does. Median and quartiles until the main process exits.',
  `${SHORT.rounds} rounds of 0.3 s, with the peers started together and stopped in turn. ${LONG.rounds} rounds of 8 s and of children that never exit, all peers at the same time. A cell shows the most frequent outcome, and how often it occurred.`,
  MAIN_PROCESS_NOTE,
  '"kills them": the children were killed before they finished. "leaves 3": the main process exited first, with three children still at work; a platform would kill them, so a short time is no advantage. "never": not within 5 s, 12 s or 32 s.',
  'mstdn-supervise kills a child that never exits after 28.5 s, 1.5 s before the platform would (SUPERVISE_STOP_TIMEOUT=30, as on Heroku). A supervisor that kills sooner also kills jobs that need longer.',
  'The children treat INT like TERM, as puma and sidekiq do, because pm2 sends INT.',
];
