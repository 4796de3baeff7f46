// The cost of relaying the children's lines, with and without a prefix, and what happens to them. Takes 9 minutes.
import { MIB, spreadText, wholeNumber } from '../../report/format.ts';
import type { Unit } from '../../report/format.ts';
import type { Row } from '../../report/markdown.ts';
import { spreadOf } from '../../report/statistics.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { measureRelay } from '../relay/measure.ts';
import type { RelayFigures } from '../relay/measure.ts';
import { relayVariants } from '../relay/methods.ts';
import type { RelayMethod, RelayVariant } from '../relay/methods.ts';

/** Each run by method. */
type RelayRuns = Partial<Record<RelayMethod, RelayFigures[]>>;
type VariantRuns = RelayVariant & { runs: RelayFigures[] };

const ROUNDS = 4;
const SHARE = { lines: 200_000, ms: 3000 };

export async function relay({ peers, say, isQuick }: FigureContext): Promise<FigureResult<RelayRuns>> {
  const variants: VariantRuns[] = relayVariants(peers).map((variant) => ({ ...variant, runs: [] }));
  for (let round = 1; round <= (isQuick ? 1 : ROUNDS); round += 1) {
    for (const { peer, method, env, runs } of backAndForth(variants, round)) {
      say(`relay: round ${round}, ${peer.name}, ${methodText(method)}`);
      const run = await measureRelay(peer, env, SHARE);
      if (run !== null) runs.push(run);
    }
  }
  return { title: 'Log relay', rows: [HEADINGS, ...variants.map(rowOf)], notes: NOTES, data: dataOf(variants) };
}

/** Every second round is backwards, so that no variant always follows the same one. */
function backAndForth(variants: readonly VariantRuns[], round: number): readonly VariantRuns[] {
  return round % 2 === 1 ? variants : variants.toReversed();
}

function rowOf({ peer, method, runs }: VariantRuns): Row {
  const name = [peer.name, methodText(method)];
  if (runs.length === 0) return [...name, 'does not start', '', '', '', '', ''];
  const spread = (figure: (run: RelayFigures) => number, unit: Unit) => spreadText(spreadOf(runs.map(figure)), unit);
  const most = (figure: (run: RelayFigures) => number) => wholeNumber(Math.max(...runs.map(figure)));
  return [
    ...name,
    spread(({ linesPerSecond }) => linesPerSecond, { unit: 'k', per: 1000 }),
    spread(({ cpuMsPerMillion }) => cpuMsPerMillion, { unit: 's', digits: 2, per: 1000 }),
    most(({ lost }) => lost),
    runs.every(({ asked }) => asked) ? most(({ lostAtEnd }) => lostAtEnd) : 'not asked',
    most(({ spoilt }) => spoilt),
    spread(({ stallBytes }) => stallBytes, { unit: 'MB', digits: 1, per: MIB }),
  ];
}

function methodText(method: RelayMethod): string {
  return method === 'prefix' ? 'with prefix' : 'as they are';
}

function dataOf(variants: readonly VariantRuns[]): Record<string, RelayRuns> {
  const data: Record<string, RelayRuns> = {};
  for (const { peer, method, runs } of variants) (data[peer.name] ??= {})[method] = runs;
  return data;
}

const HEADINGS = [
  '',
  'lines',
  'lines/s',
  'CPU for a million',
  'lost',
  'lost at the end',
  'cut, mixed or twice',
  'memory, reader stalled',
];

const NOTES = [
  `Three children write as fast as their lines are read: one write of 100 bytes for each line, ${wholeNumber(SHARE.lines)} lines each or for ${SHARE.ms / 1000} s. Medians and quartiles of ${ROUNDS} rounds. One peer at a time; every second round runs them in reverse order.`,
  'lines/s: until the reader, which keeps up, has the last line. For a peer that relays nothing, this measures the children and the reader alone.',
  'CPU for a million: CPU time of the supervisor’s own processes for a million lines.',
  'lost; cut, mixed or twice: of the lines written before TERM, in the worst round. lost at the end: of 600 lines that the children write when the main process gets TERM. "not asked": that TERM never reached the children.',
  'memory: the growth of the supervisor’s private memory while the reader stalls for 3 s and the children go on writing.',
  'The prefix is an option of mstdn-supervise (SUPERVISE_LOG_PREFIX=true) and run-p (--print-label). It is the default of both foremans and of concurrently, whose --raw turns it off. Without a prefix, pm2-runtime, run-p and supervisord copy the lines; with all others the children write straight to the output.',
];
