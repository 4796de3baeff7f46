// What it costs to hand the children's lines on, with a prefix and without, and what becomes of them. Takes 9 minutes.
import { MIB } from '../../memory/figures.js';
import { measure } from '../relay/measure.js';
import { waysOf } from '../relay/ways.js';
import { cell, spreadOf } from '../spread.js';

const ROUNDS = 4;
const SHARE = { lines: 200_000, ms: 3000 };

export async function relay({ peers, say, isQuick }) {
  const results = waysOf(peers).map((way) => ({ ...way, runs: [] }));
  for (let round = 1; round <= (isQuick ? 1 : ROUNDS); round += 1) {
    for (const { peer, way, env, runs } of backAndForth(results, round)) {
      say(`relay: round ${round}, ${peer.name}, ${inWords(way)}`);
      const run = await measure(peer, { env, ...SHARE });
      if (run !== null) runs.push(run);
    }
  }
  return { title: 'Log relay', rows: [HEADS, ...results.map(row)], notes: NOTES, data: dataOf(results) };
}

/** Every second round backwards, so that nobody always comes after the same one. */
function backAndForth(results, round) {
  return round % 2 === 1 ? results : results.toReversed();
}

const HEADS = [
  '',
  'lines',
  'lines/s',
  'CPU for a million',
  'lost',
  'lost at the end',
  'cut, mixed or twice',
  'memory, reader stalled',
];

function row({ peer, way, runs }) {
  const spread = (of, options) => cell(spreadOf(runs.map(of)), options);
  const most = (of) => whole(Math.max(...runs.map(of)));
  if (runs.length === 0) return [peer.name, inWords(way), 'does not start', '', '', '', '', ''];
  return [
    peer.name,
    inWords(way),
    spread(({ linesPerSecond }) => linesPerSecond, { unit: 'k', per: 1000 }),
    spread(({ cpuMsPerMillion }) => cpuMsPerMillion, { unit: 's', digits: 2, per: 1000 }),
    most(({ lost }) => lost),
    runs.every(({ asked }) => asked) ? most(({ lostAtEnd }) => lostAtEnd) : 'not asked',
    most(({ spoilt }) => spoilt),
    spread(({ stallBytes }) => stallBytes, { unit: 'MB', digits: 1, per: MIB }),
  ];
}

function inWords(way) {
  return way === 'prefix' ? 'with prefix' : 'as they are';
}

function whole(value) {
  return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
}

function dataOf(results) {
  const data = {};
  for (const { peer, way, runs } of results) {
    (data[peer.name] ??= {})[way] = runs;
  }
  return data;
}

const NOTES = [
  `Three children that write as fast as they are taken, one write of 100 bytes a line, ${whole(SHARE.lines)} lines each or for ${SHARE.ms / 1000} s. Medians of ${ROUNDS} rounds, and the quartiles; one peer at a time, in turn in each round, every second one backwards.`,
  'lines/s: until the last has come out of the reader, which keeps up: where nobody stands between, the children and the reader are what is measured.',
  'CPU for a million: of the supervisor’s own processes, for a million lines.',
  'lost, cut, mixed or twice: of the lines until TERM, the worst of the rounds; at the end: of 600 lines that the children write on TERM, which the main process gets. "not asked": the TERM to the main process never reached them.',
  'memory: what the supervisor’s private memory grows by while the reader stalls for 3 s and the children go on writing, as far as they can.',
  'The prefix is an option of mstdn-supervise (SUPERVISE_LOG_PREFIX=true) and run-p (--print-label), and the default of both foremans and of concurrently, which has --raw against it. Without a prefix pm2-runtime, run-p and supervisord copy the lines as they are; with all others the children write straight to the output.',
];
