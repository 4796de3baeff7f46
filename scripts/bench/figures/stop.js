// From TERM to the end. Takes 7 minutes.
import { setTimeout as pause } from 'node:timers/promises';
import { allUp } from '../all-up.js';
import { dynoEnv } from '../dyno-env.js';
import { ASKED_OTHERWISE } from '../peers.js';
import { stopOf } from '../stop-of.js';
import { describeStops, summaryOf } from '../stop-words.js';

const COUNT = 3;
const SETTLE_MS = 1000;
const WHOM = ['main', 'all'];
/** Those of 0.3 s one after the other, where milliseconds count; the long ones are mostly sleep, and go together, both ways. */
const DRAINS = [
  { name: '300', drain: '300', rounds: 12, atMostMs: 5000, together: false },
  { name: '8000', drain: '8000', rounds: 3, atMostMs: 12_000, together: true },
  { name: 'ever', drain: 'ever', rounds: 3, atMostMs: 32_000, together: true },
];

export async function stop({ peers, say, isQuick }) {
  const stops = new Map(peers.map(({ name }) => [name, { main: {}, all: {} }]));
  for (const { name, rounds, ...kind } of DRAINS) {
    for (let round = 0; round < (isQuick ? 1 : rounds); round += 1) {
      say(`children that need ${name}${name === 'ever' ? '' : ' ms'}, round ${round + 1}`);
      for (const { peer, whom, found } of await stopEach(peers, kind)) {
        (stops.get(peer.name)[whom][name] ??= []).push(found);
      }
    }
  }
  const data = Object.fromEntries(
    [...stops].map(([name, { main, all }]) => [name, { main: sum(main), all: sum(all) }]),
  );
  return { title: 'Stop: from TERM to the end', rows: rowsOf(data), notes: NOTES, data };
}

/** Each of them both ways: [{ peer, whom, found }]. */
async function stopEach(peers, { together, ...kind }) {
  if (together) return (await Promise.all(WHOM.map((whom) => stopAll(peers, whom, kind, together)))).flat();
  return [...(await stopAll(peers, 'main', kind)), ...(await stopAll(peers, 'all', kind))];
}

async function stopAll(peers, whom, { drain, atMostMs }, together = false) {
  const runs = await allUp(peers, async () => ({ count: COUNT, first: `drain=${drain}`, env: await dynoEnv() }));
  await pause(SETTLE_MS);
  const act = async ({ peer, run }) => {
    const found = await stopOf(run, whom, { count: COUNT, atMostMs });
    run.discard();
    return { peer, whom, found };
  };
  if (together) return Promise.all(runs.map(act));
  const found = [];
  for (const each of runs) found.push(await act(each));
  return found;
}

function sum(byDrain) {
  return Object.fromEntries(Object.entries(byDrain).map(([drain, found]) => [drain, summaryOf(found)]));
}

function rowsOf(data) {
  const columns = WHOM.flatMap((whom) => DRAINS.map(({ name }) => ({ whom, name })));
  const head = ({ whom, name }) => `${name === 'ever' ? 'for ever' : `${name / 1000} s`}, TERM to ${whom}`;
  const line = (found) => columns.map(({ whom, name }) => describeStops(found[whom][name], name === 'ever'));
  return [['', ...columns.map(head)], ...Object.entries(data).map(([name, found]) => [name, ...line(found)])];
}

function roundsOf(name) {
  return DRAINS.find((kind) => kind.name === name).rounds;
}

const NOTES = [
  'Three children that need so long after TERM. "main": TERM to the main process only, as Docker, Scalingo, Render and Fly send it; "all": to all processes at once, as Heroku does. Median and quartiles to the end of the main process.',
  `${roundsOf('300')} rounds of 0.3 s, the peers started together and stopped in turn; ${roundsOf('8000')} of 8 s and of children that never end, all at the same time. Of several outcomes the commonest, and how often it came.`,
  ASKED_OTHERWISE,
  '"kills them": the children were killed before they were done. "leaves 3": the main process ended first, with that many still at work; a platform kills those, so its time is no merit. "never": not within 5 s, 12 s, 32 s.',
  'Children that never end are killed by ours at 28.5 s, 1.5 s before the platform would (SUPERVISE_STOP_TIMEOUT=30, as Heroku has it). Who ends sooner kills a job that needs longer.',
  'The children take INT for TERM, as puma and sidekiq do: pm2 sends INT.',
];
