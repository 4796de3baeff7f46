// TERM while a peer starts: at many instants from its exec to the moment in which its last child is up, and a bit later. Takes 6
// minutes, most of it with those that do not end.
import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../../memory/figures.js';
import { Run, now } from '../run.js';
import { ASKED_OTHERWISE } from '../peers.js';
import { severalAtOnce } from '../several-at-once.js';

const INSTANTS = 50;
const INSTANTS_QUICK = 6;
const BOOTS = 5;
const BEYOND = 1.1;
const AT_MOST_MS = 5000;
/** What outlives the end of the main process by so long was forgotten. */
const GRACE_MS = 500;
const AT_ONCE = 6;

const WAYS = {
  'main process': (run) => run.child.kill('SIGTERM'),
  'every process': (run) => run.broadcast('SIGTERM'),
};

export async function boot({ peers, say, isQuick }) {
  const instants = isQuick ? INSTANTS_QUICK : INSTANTS;
  const results = new Map(peers.map(({ name }) => [name, { bootMs: NaN, counts: countsOf(instants) }]));
  await severalAtOnce(AT_ONCE, peers, async (peer) => {
    results.get(peer.name).bootMs = await bootOf(peer);
    say(`boot: ${peer.name} takes ${Math.round(results.get(peer.name).bootMs)} ms`);
  });
  await severalAtOnce(AT_ONCE, turnsOf(peers, instants), async ({ peer, way, index }) => {
    const { bootMs, counts } = results.get(peer.name);
    if (peer === peers[0] && way === 'main process') say(`boot: instant ${index + 1}`);
    counts[way][await endOf(peer, (BEYOND * bootMs * index) / (instants - 1), WAYS[way])] += 1;
  });
  const heads = ['', 'boot', ...Object.keys(WAYS).map((way) => `TERM to ${way}: good`), 'what else'];
  return {
    title: 'TERM during the boot',
    rows: [heads, ...peers.map(({ name }) => row(name, results.get(name)))],
    notes: NOTES,
    data: Object.fromEntries(results),
  };
}

function countsOf(of) {
  return Object.fromEntries(Object.keys(WAYS).map((way) => [way, { good: 0, hung: 0, orphaned: 0, of }]));
}

/** Instant by instant, the peers in turn, so that nobody is alone with the machine. */
function turnsOf(peers, instants) {
  const once = peers.flatMap((peer) => Object.keys(WAYS).map((way) => ({ peer, way })));
  return Array.from({ length: instants }, (_, index) => once.map((turn) => ({ ...turn, index }))).flat();
}

async function bootOf(peer) {
  const times = [];
  for (let round = 0; round < BOOTS; round += 1) {
    const run = new Run(peer);
    const up = await run.untilNoted('up', 3);
    times.push(Math.max(...up.map(({ atMs }) => atMs)) - run.startedMs);
    run.discard();
  }
  return median(times);
}

async function endOf(peer, afterMs, ask) {
  const run = new Run(peer);
  try {
    await pause(Math.max(0, run.startedMs + afterMs - now()));
    ask(run);
    if ((await run.endWithin(AT_MOST_MS)) === null) return 'hung';
    for (const end = now() + GRACE_MS; run.look().length > 0; await pause(20)) if (now() > end) return 'orphaned';
    return 'good';
  } finally {
    run.discard();
  }
}

function row(name, { bootMs, counts }) {
  const good = Object.keys(WAYS).map((way) => `${counts[way].good} of ${counts[way].of}`);
  const else_ = Object.keys(WAYS).flatMap((way) => [
    ...(counts[way].hung > 0 ? [`${way}: ${counts[way].hung} not over in ${AT_MOST_MS / 1000} s`] : []),
    ...(counts[way].orphaned > 0 ? [`${way}: ${counts[way].orphaned} left orphans`] : []),
  ]);
  return [name, `${Math.round(bootMs)} ms`, ...good, else_.join('; ') || '—'];
}

const NOTES = [
  `One TERM at ${INSTANTS} instants, spread evenly from the exec to ${Math.round(100 * (BEYOND - 1))} % after the moment in which the last of three children is up (the median of ${BOOTS} boots); once to the main process, once to every process that is there. Each is done once, the peers in turn, ${AT_ONCE} runs at the same time.`,
  `good: the main process has ended within ${AT_MOST_MS / 1000} s, and half a second later nothing else is there. The children end at once on TERM. What is not over by then may still end: supervisord kills a child that has not heard it after 10 s.`,
  ASKED_OTHERWISE,
];
