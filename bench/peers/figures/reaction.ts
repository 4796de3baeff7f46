// From the death of a child to SIGTERM for its siblings. Takes 4 minutes.
import { setTimeout as pause } from 'node:timers/promises';
import { milliseconds, NO_FIGURE, spreadText } from '../../report/format.ts';
import { spreadOf } from '../../report/statistics.ts';
import type { Spread } from '../../report/statistics.ts';
import { dynoEnv } from '../dyno-env.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { now, startAll } from '../run.ts';
import type { PeerRun } from '../run.ts';

/** `word`: what a peer does instead; `missed`: rounds without SIGTERM. */
export type ReactionFigures = { word: string } | { spread: Spread | null; slowestMs: number; missed: number };

const ROUNDS = 40;
const QUICK_ROUNDS = 3;
const SETTLE_MS = 1000;
const TIMEOUT_MS = 3000;
const COUNT = 3;

export async function reaction({ peers, say, isQuick }: FigureContext): Promise<FigureResult<ReactionFigures>> {
  const able = peers.filter(({ stopsWithChild }) => stopsWithChild);
  const timesMs = new Map<string, number[]>(able.map(({ name }) => [name, []]));
  for (let round = 0; round < (isQuick ? QUICK_ROUNDS : ROUNDS); round += 1) {
    say(`round ${round + 1}`);
    const runs = await startAll(able, async () => ({ count: COUNT, env: await dynoEnv() }));
    await pause(SETTLE_MS);
    for (const { peer, run } of runs) {
      timesMs.get(peer.name)?.push(await reactionMs(run));
      run.discard();
    }
  }
  const data = Object.fromEntries(peers.map(({ name }) => [name, summaryOf(timesMs.get(name))]));
  return {
    title: 'Reaction: from a child’s SIGKILL to its siblings’ TERM',
    rows: [['', 'median', 'slowest'], ...Object.entries(data).map(([name, found]) => [name, ...cellsOf(found)])],
    notes: NOTES,
    data,
  };
}

/** To the SIGTERM of the last sibling; NaN when it does not come. */
async function reactionMs(run: PeerRun): Promise<number> {
  const [victim] = run.events('up');
  if (victim === undefined) return NaN;
  const fromMs = now();
  process.kill(victim.pid, 'SIGKILL');
  const terms = await run.untilEvents('term', COUNT - 1, TIMEOUT_MS);
  return terms.length < COUNT - 1 ? NaN : Math.max(...terms.map(({ atMs }) => atMs)) - fromMs;
}

function summaryOf(timesMs: readonly number[] | undefined): ReactionFigures {
  if (timesMs === undefined) return { word: 'restarts it' };
  const measured = timesMs.filter(Number.isFinite);
  if (measured.length === 0) return { word: 'never' };
  return {
    spread: spreadOf(measured),
    slowestMs: Math.max(...measured),
    missed: timesMs.length - measured.length,
  };
}

function cellsOf(figures: ReactionFigures): string[] {
  if ('word' in figures) return [figures.word, NO_FIGURE];
  const { spread, slowestMs, missed } = figures;
  const never = missed > 0 ? `; ${missed} of ${(spread?.count ?? 0) + missed} times never` : '';
  return [`${spreadText(spread, { unit: 'ms', digits: 1 })}${never}`, milliseconds(slowestMs, 1)];
}

const NOTES = [
  'Three children; the first is killed a second after all are up. Measured until the last sibling receives TERM, by its own clock. The peers take turns in each round.',
  '"restarts it": the peer is made to start the child again, and sends the siblings no TERM. "never": not within 3 s.',
];
