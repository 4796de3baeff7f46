// Jobs lost and requests failed while a platform restarts a dyno with real puma and sidekiq at work. Takes 20 to 25 minutes.
import { clearInterval } from 'node:timers';
import { now } from '../run.js';
import { REAL_PARTS } from '../debian.js';
import { jobsLost } from '../pictures.js';
import { Gate } from '../restarts/gate.js';
import { makePlace, restartOver } from '../restarts/lane.js';
import { sumOf } from '../restarts/sum.js';
import { tableOf } from '../restarts/table.js';

/** In each round every dyno is restarted so often; then it is the next one's turn. */
const RESTARTS = 5;
const ROUNDS = 20;
const AT_MOST_MS = 24 * 60_000;
/** Dynos at the same time: most of their time they wait for jobs to end. And boots, so that none starves another. */
const PLACES = 32;
const BOOTS = 2;
const SAY_MS = 30_000;

export async function restarts({ peers, say, isQuick }) {
  const rounds = isQuick ? 1 : ROUNDS;
  const variants = peers.flatMap(variantsOf);
  const turns = turnsOf(variants, rounds);
  await takeTurns(turns, say);
  const outcomesOf = (name, signals) =>
    turns.flatMap((turn) => (turn.name === name && turn.signals === signals ? [turn.outcome] : []));
  const data = Object.fromEntries(
    variants.map(({ name }) => [name, { all: sumOf(outcomesOf(name, 'all')), main: sumOf(outcomesOf(name, 'main')) }]),
  );
  return { ...tableOf(data, rounds * RESTARTS), data, images: { 'jobs-lost.svg': jobsLost(data) }, parts: REAL_PARTS };
}

function variantsOf(peer) {
  const { name } = peer;
  if (name !== 'mstdn-supervise') return [{ name, peer, env: {} }];
  return [
    { name, peer, env: {} },
    { name: `${name}, router`, peer, env: { SUPERVISE_ROUTER: 'true' } },
  ];
}

/** Round by round, so that whatever changes on the machine meets all of them. Chance is the same for all in a round. */
function turnsOf(variants, rounds) {
  return Array.from({ length: rounds }, (_, round) =>
    variants.flatMap((variant) => ['all', 'main'].map((signals) => ({ ...variant, signals, seed: round + 1 }))),
  ).flat();
}

/** Each gets its `outcome`. */
async function takeTurns(turns, say) {
  const shared = { restarts: RESTARTS, gate: new Gate(BOOTS), endMs: now() + AT_MOST_MS };
  const places = await Promise.all(Array.from({ length: Math.min(PLACES, turns.length) }, makePlace));
  let restarted = 0;
  const telling = setInterval(() => say(`${restarted} of ${turns.length * RESTARTS} restarts`), SAY_MS);
  const takeOne = async (place, turn) => {
    const onLife = ({ output }) => {
      restarted += 1;
      if (output !== undefined) say(`${turn.name} ended before its TERM or did not come up:\n${output}`);
    };
    turn.outcome = await restartOver(place, { ...turn, ...shared, onLife });
  };
  const waiting = [...turns];
  try {
    await Promise.all(
      places.map(async (place) => {
        while (waiting.length > 0) await takeOne(place, waiting.shift());
      }),
    );
  } finally {
    clearInterval(telling);
  }
}
