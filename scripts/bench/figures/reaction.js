// From the death of a child to the TERM at its siblings. Takes 4 minutes.
import { setTimeout as pause } from 'node:timers/promises';
import { dynoEnv } from '../dyno-env.js';
import { allUp } from '../all-up.js';
import { now } from '../run.js';
import { cell, spreadOf } from '../spread.js';

const ROUNDS = 40;
const QUICK_ROUNDS = 3;
const SETTLE_MS = 1000;
const AT_MOST_MS = 3000;
const COUNT = 3;

export async function reaction({ peers, say, isQuick }) {
  const able = peers.filter(({ ends }) => ends);
  const tookMs = new Map(able.map(({ name }) => [name, []]));
  for (let round = 0; round < (isQuick ? QUICK_ROUNDS : ROUNDS); round += 1) {
    say(`round ${round + 1}`);
    const runs = await allUp(able, async () => ({ count: COUNT, env: await dynoEnv() }));
    await pause(SETTLE_MS);
    for (const { peer, run } of runs) {
      tookMs.get(peer.name).push(await timeOf(run));
      run.discard();
    }
  }
  const data = Object.fromEntries(peers.map((peer) => [peer.name, summaryOf(tookMs.get(peer.name))]));
  return {
    title: 'Reaction: from a child’s SIGKILL to its siblings’ TERM',
    rows: [['', 'median', 'slowest'], ...Object.entries(data).map(([name, found]) => [name, ...cellsOf(found)])],
    notes: NOTES,
    data,
  };
}

/** To the TERM of the last one; NaN when it does not come. */
async function timeOf(run) {
  const [victim] = run.noted('up');
  if (victim === undefined) return NaN;
  const from = now();
  process.kill(victim.pid, 'SIGKILL');
  const term = await run.untilNoted('term', COUNT - 1, AT_MOST_MS);
  return term.length < COUNT - 1 ? NaN : Math.max(...term.map(({ atMs }) => atMs)) - from;
}

function summaryOf(values) {
  if (values === undefined) return { word: 'restarts it' };
  const came = values.filter(Number.isFinite);
  if (came.length === 0) return { word: 'never' };
  return { spread: spreadOf(came), slowestMs: Math.max(...came), missed: values.length - came.length };
}

function cellsOf({ word, spread, slowestMs, missed }) {
  if (word !== undefined) return [word, '—'];
  const never = missed > 0 ? `; ${missed} of ${spread.count + missed} times never` : '';
  return [`${cell(spread, { unit: 'ms', digits: 1 })}${never}`, `${slowestMs.toFixed(1)} ms`];
}

const NOTES = [
  'Three children; the first of them is killed a second after all are up; to the moment at which the last of the others hears TERM, by its own clock. The peers in turn in each round.',
  'Those that are made to start a child again do so, and the others hear nothing. "never": not within 3 s.',
];
