// Memory and CPU of each peer at rest, with 3 and with 50 children. Takes 6 minutes.
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { scheduledCpuMs, sumMemory } from '../../dyno/process-usage.ts';
import { MIB, NO_FIGURE, spreadText } from '../../report/format.ts';
import { spreadOf } from '../../report/statistics.ts';
import type { Spread } from '../../report/statistics.ts';
import { dynoEnv } from '../dyno-env.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { BARE_NODE } from '../peers.ts';
import type { Peer, PeerSetup } from '../peers.ts';
import { now, PeerRun } from '../run.ts';

type MemoryKind = 'private' | 'dirty' | 'rss';
/** Bytes, and milliseconds of CPU a minute. */
type RestSpreads = Record<MemoryKind | 'cpuMs', Spread | null>;
export type RestFigures = {
  of3: RestSpreads;
  of50: RestSpreads;
  perChild: { private: number | null; dirty: number | null };
};
type Reading = { memory: Record<MemoryKind, number>; cpuMs: number };
type Readings = { peer: Peer; of3: Reading[]; of50: Reading[] };
type Waits = { settleMs: number; watchMs: number };

const CHILD = `perl ${fileURLToPath(new URL('../resting.pl', import.meta.url))}`;
const SIZES = [
  { key: 'of3', count: 3 },
  { key: 'of50', count: 50 },
] as const;
const COUNTS = SIZES.map(({ count }) => count);
const UP_WITHIN_MS = 30_000;
const FULL = { rounds: 3, settleMs: 20_000, watchMs: 20_000 };
const QUICK = { rounds: 1, settleMs: 5000, watchMs: 5000 };
const KINDS = ['private', 'dirty', 'rss'] as const;

export async function rest({ peers, say, isQuick }: FigureContext): Promise<FigureResult<RestFigures>> {
  const all = [...peers.flatMap(variantsOf), BARE_NODE];
  const readings: Readings[] = all.map((peer) => ({ peer, of3: [], of50: [] }));
  const { rounds, ...waits } = isQuick ? QUICK : FULL;
  for (let round = 0; round < rounds; round += 1) {
    for (const { key, count } of SIZES) {
      say(`${count} children, round ${round + 1}`);
      const found = await readAll(all, count, waits);
      for (const { peer, [key]: previous } of readings) previous.push(...(found.get(peer) ?? []));
    }
  }
  const data = Object.fromEntries(readings.map(({ peer, of3, of50 }) => [peer.name, summaryOf(of3, of50)]));
  return {
    title: 'At rest: memory and CPU of the supervisor itself',
    rows: [HEADINGS, ...Object.entries(data).map(([name, found]) => [name, ...cellsOf(found)])],
    notes: NOTES,
    data,
  };
}

/** mstdn-supervise is measured with and without its memory guard. */
function variantsOf(peer: Peer): Peer[] {
  if (peer.name !== 'mstdn-supervise') return [peer];
  const commandLine = (setup: PeerSetup) => {
    const { env, ...command } = peer.commandLine(setup);
    return { ...command, env: { ...env, SUPERVISE_MEMORY_GUARD: 'off' } };
  };
  return [peer, { ...peer, name: `${peer.name}, no guard`, commandLine }];
}

/** Starts one peer after the other, and then reads all at the same time. A peer that did not start has no reading. */
async function readAll(peers: readonly Peer[], count: number, waits: Waits): Promise<Map<Peer, Reading[]>> {
  const runs = [];
  for (const peer of peers) {
    const run = new PeerRun(peer, { count, program: CHILD, env: await dynoEnv() });
    runs.push({ peer, run, isUp: (await run.untilEvents('up', count, UP_WITHIN_MS)).length >= count });
  }
  await pause(waits.settleMs);
  const before = runs.map(({ peer, run, isUp }) => {
    const pids = run.supervisorPids();
    return { peer, run, isUp, memory: sumMemory(pids), cpuMs: scheduledCpuMs(pids), atMs: now() };
  });
  await pause(waits.watchMs);
  const readings = before.map(({ peer, run, isUp, memory, cpuMs, atMs }): [Peer, Reading[]] => {
    const perMinute = ((scheduledCpuMs(run.supervisorPids()) - cpuMs) * 60_000) / (now() - atMs);
    return [peer, isUp ? [{ memory, cpuMs: perMinute }] : []];
  });
  for (const { run } of runs) run.discard();
  return new Map(readings);
}

function summaryOf(readingsOf3: readonly Reading[], readingsOf50: readonly Reading[]): RestFigures {
  const [of3, of50] = [spreadsOf(readingsOf3), spreadsOf(readingsOf50)];
  const perChild = (kind: MemoryKind) =>
    of3[kind] === null || of50[kind] === null ? null : (of50[kind].median - of3[kind].median) / 47;
  return { of3, of50, perChild: { private: perChild('private'), dirty: perChild('dirty') } };
}

function spreadsOf(readings: readonly Reading[]): RestSpreads {
  const memory = (kind: MemoryKind) => spreadOf(readings.map((reading) => reading.memory[kind]));
  return {
    private: memory('private'),
    dirty: memory('dirty'),
    rss: memory('rss'),
    cpuMs: spreadOf(readings.map(({ cpuMs }) => cpuMs)),
  };
}

function cellsOf({ of3, of50, perChild }: RestFigures): string[] {
  const sizes = (found: RestSpreads) =>
    KINDS.map((kind) => spreadText(found[kind], { unit: 'MB', digits: 1, per: MIB }));
  const each = [perChild.private, perChild.dirty].map((bytes) =>
    bytes === null ? NO_FIGURE : `${(bytes / 1024).toFixed(0)} kB`,
  );
  const cpu = [of3, of50].map(({ cpuMs }) => spreadText(cpuMs, { unit: 'ms', digits: 1 }));
  return [...sizes(of3), ...sizes(of50), ...each, ...cpu];
}

const HEADINGS = [
  '',
  ...COUNTS.flatMap((count) => [`private, ${count} children`, `of it dirty, ${count}`, `RSS, ${count}`]),
  'private for each added child',
  'of it dirty',
  'CPU in a minute, 3 children',
  'CPU in a minute, 50',
];

const NOTES = [
  `All processes of the peer except the children, ${FULL.settleMs / 1000} s after the last child came up. "private": pages that no other process has mapped, clean and dirty. "dirty": the part of these that the kernel cannot drop, which excludes program text. RSS counts shared pages in full for each process. ${FULL.rounds} rounds.`,
  "Only the dirty part can be compared between all peers. They run at the same time, so the peers on Node share its binary with each other, while ruby-foreman and supervisord each have theirs alone. In a dyno, Ruby's text is shared with puma and sidekiq, and Node's text with streaming while that runs. The whole dyno below counts the supervisor's Node in full.",
  `CPU: measured over ${FULL.watchMs / 1000} s in each round and scaled to a minute.`,
  'Each added child: the difference between 50 and 3 children, divided by 47.',
  'The children are ready: one answers on PORT, the others touch the file that sidekiq touches. The memory guard of mstdn-supervise is on, with a quota of 512M, and reads all children. The row "no guard" has SUPERVISE_MEMORY_GUARD=off.',
  'bare node: a script of five lines that spawns the children. It shows what Node itself needs.',
];
