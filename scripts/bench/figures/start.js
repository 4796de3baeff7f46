// From exec to the last child's exec. Takes 6 minutes.
import { BARE, emptyNode } from '../bare.js';
import { dynoEnv } from '../dyno-env.js';
import { Run } from '../run.js';
import { cell, spreadOf } from '../spread.js';

const ROUNDS = new Map([
  [3, 20],
  [50, 10],
]);
const QUICK_ROUNDS = 3;
const AT_MOST_MS = 20_000;

export async function start({ peers, say, isQuick }) {
  const all = [...peers, BARE];
  const tookMs = new Map(all.map(({ name }) => [name, { 3: [], 50: [] }]));
  const emptyMs = [];
  for (const [count, rounds] of ROUNDS) {
    for (let round = 0; round < (isQuick ? QUICK_ROUNDS : rounds); round += 1) {
      say(`${count} children, round ${round + 1}`);
      emptyMs.push(await emptyNode());
      for (const peer of all) tookMs.get(peer.name)[count].push(await timeOf(peer, count));
    }
  }
  const data = Object.fromEntries(all.map((peer) => [peer.name, summaryOf(peer, tookMs.get(peer.name))]));
  return {
    title: 'Start: from exec to the last child’s exec',
    rows: [
      ['', 'written in', '3 children', '50 children'],
      ...Object.entries(data).map(([name, { kind, of3, of50 }]) => [name, kind, ...[of3, of50].map(inMs)]),
    ],
    notes: [...NOTES, `\`node -e 0\`, from exec to its end, in the same rounds: ${inMs(spreadOf(emptyMs))}.`],
    data,
  };
}

/** NaN when they do not all come up. */
async function timeOf(peer, count) {
  const run = new Run(peer, { count, env: await dynoEnv() });
  try {
    const up = await run.untilNoted('up', count, AT_MOST_MS);
    return up.length < count ? NaN : Math.max(...up.map(({ atMs }) => atMs)) - run.startedMs;
  } finally {
    run.discard();
  }
}

function summaryOf({ kind }, { 3: of3, 50: of50 }) {
  return { kind, of3: spreadOf(of3), of50: spreadOf(of50) };
}

function inMs(spread) {
  return cell(spread, { unit: 'ms' });
}

const NOTES = [
  'To the first line of the last child, a Perl script that takes 5 ms to it; median and quartiles, the peers in turn in each round.',
  'With 50 children much of the time is theirs: on few cores they boot in the way of what starts the next one.',
  'Ours is told not to let sidekiq wait for puma (SUPERVISE_START_TIMEOUT=0), as no other does; its memory guard is on.',
  'bare node: a script of five lines that spawns the children, which is what Node itself takes.',
];
