// From exec to the last child's exec. Takes 6 minutes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { spreadText } from '../../report/format.ts';
import { spreadOf } from '../../report/statistics.ts';
import type { Spread } from '../../report/statistics.ts';
import { dynoEnv } from '../dyno-env.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { BARE_NODE } from '../peers.ts';
import type { Peer } from '../peers.ts';
import { now, PeerRun } from '../run.ts';

export type StartFigures = { kind: Peer['kind']; of3: Spread | null; of50: Spread | null };
type Times = { peer: Peer; of3: number[]; of50: number[] };

const SIZES = [
  { key: 'of3', count: 3, rounds: 20 },
  { key: 'of50', count: 50, rounds: 10 },
] as const;
const QUICK_ROUNDS = 3;
const TIMEOUT_MS = 20_000;

export async function start({ peers, say, isQuick }: FigureContext): Promise<FigureResult<StartFigures>> {
  const times: Times[] = [...peers, BARE_NODE].map((peer) => ({ peer, of3: [], of50: [] }));
  const emptyMs: number[] = [];
  for (const { key, count, rounds } of SIZES) {
    for (let round = 0; round < (isQuick ? QUICK_ROUNDS : rounds); round += 1) {
      say(`${count} children, round ${round + 1}`);
      emptyMs.push(await emptyNodeMs());
      for (const time of times) time[key].push(await startMs(time.peer, count));
    }
  }
  const data = Object.fromEntries(
    times.map(({ peer: { name, kind }, of3, of50 }) => [name, { kind, of3: spreadOf(of3), of50: spreadOf(of50) }]),
  );
  return {
    title: 'Start: from exec to the last child’s exec',
    rows: [
      ['', 'written in', '3 children', '50 children'],
      ...Object.entries(data).map(([name, { kind, of3, of50 }]) => [name, kind, inMs(of3), inMs(of50)]),
    ],
    notes: [...NOTES, `\`node -e 0\`, from exec to its end, in the same rounds: ${inMs(spreadOf(emptyMs))}.`],
    data,
  };
}

/** NaN if not all children come up. */
async function startMs(peer: Peer, count: number): Promise<number> {
  const run = new PeerRun(peer, { count, env: await dynoEnv() });
  try {
    const up = await run.untilEvents('up', count, TIMEOUT_MS);
    return up.length < count ? NaN : Math.max(...up.map(({ atMs }) => atMs)) - run.startedMs;
  } finally {
    run.discard();
  }
}

/** Of `node -e 0`, from exec to its end. */
async function emptyNodeMs(): Promise<number> {
  const fromMs = now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return now() - fromMs;
}

function inMs(spread: Spread | null): string {
  return spreadText(spread, { unit: 'ms' });
}

const NOTES = [
  'Measured until the last child writes its first line; the child is a Perl script that needs 5 ms for that. Median and quartiles; the peers take turns in each round.',
  'With 50 children much of the time is the children’s own: on few cores their boots delay the next start.',
  'In mstdn-supervise, sidekiq does not wait for puma (SUPERVISE_START_TIMEOUT=0), because no peer does that; the memory guard is on.',
  'bare node: a script of five lines that spawns the children. It shows what Node itself needs.',
];
