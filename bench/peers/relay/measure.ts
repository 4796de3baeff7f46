// One run of a peer whose children log as fast as they can: first to a reader that keeps up, then to one that stalls. After
// SIGTERM each writes its last lines.
import { statSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { scheduledCpuMs, sumMemory } from '../../dyno/process-usage.ts';
import { sum } from '../../report/statistics.ts';
import type { Peer } from '../peers.ts';
import { now, PeerRun } from '../run.ts';
import { compareLines } from './received-lines.ts';
import type { ReceivedLines } from './received-lines.ts';

type Throughput = { linesPerSecond: number; cpuMsPerMillion: number };
/** `stallBytes`: growth of private memory while the reader stalls; `asked`: whether SIGTERM reached the children. */
export type RelayFigures = Throughput & { stallBytes: number; asked: boolean } & ReceivedLines;
/** The share of each child in each phase ends after so many lines, or after this time. */
export type Share = { lines: number; ms: number };

const WRITER = `perl ${fileURLToPath(new URL('writer.pl', import.meta.url))}`;
const CHILDREN = 3;
const LINES_AFTER_TERM = 200;
const SETTLE_MS = 1000;
const STALL_MS = 3000;
const MEMORY_POLL_MS = 200;
const POLL_MS = 5;
/** Without output for so long, everything has arrived. A peer that has buffered a lot pauses for longer. */
const QUIET_MS = 500;
const QUIET_AFTER_STALL_MS = 1500;
const TIMEOUT_MS = 20_000;
const EXIT_WITHIN_MS = 5000;

/** Returns null when the children do not come up. */
export async function measureRelay(peer: Peer, env: NodeJS.ProcessEnv, share: Share): Promise<RelayFigures | null> {
  const first = `lines=${share.lines} ms=${share.ms}`;
  const run = new PeerRun(peer, { count: CHILDREN, first, program: WRITER, env });
  try {
    if ((await run.untilEvents('up', CHILDREN)).length < CHILDREN) return null;
    await pause(SETTLE_MS);
    const throughput = await measureThroughput(run);
    const stallBytes = await measureStall(run);
    const written = linesWritten(run, 'stalled');
    run.terminateMain();
    await run.endWithin(EXIT_WITHIN_MS);
    await untilQuiet(run);
    const asked = run.events('end').length > 0;
    return { ...throughput, stallBytes, asked, ...compareLines(run.outputFile, written, LINES_AFTER_TERM) };
  } finally {
    run.discard();
  }
}

async function measureThroughput(run: PeerRun): Promise<Throughput> {
  const pids = run.supervisorPids();
  const [cpuMs, fromMs] = [scheduledCpuMs(pids), now()];
  writeFileSync(`${run.eventFile}.fast`, '');
  await run.untilEvents('fast', CHILDREN, TIMEOUT_MS);
  const untilMs = await untilQuiet(run);
  const count = sum([...linesWritten(run, 'fast').values()]);
  return {
    linesPerSecond: (1000 * count) / (untilMs - fromMs),
    cpuMsPerMillion: (1e6 * (scheduledCpuMs(pids) - cpuMs)) / count,
  };
}

async function measureStall(run: PeerRun): Promise<number> {
  const pids = run.supervisorPids();
  const beforeBytes = sumMemory(pids).private;
  let mostBytes = beforeBytes;
  process.kill(run.readerPid, 'SIGSTOP');
  writeFileSync(`${run.eventFile}.stalled`, '');
  for (const endMs = now() + STALL_MS; now() < endMs; await pause(MEMORY_POLL_MS)) {
    mostBytes = Math.max(mostBytes, sumMemory(pids).private);
  }
  process.kill(run.readerPid, 'SIGCONT');
  await run.untilEvents('stalled', CHILDREN, TIMEOUT_MS);
  await untilQuiet(run, QUIET_AFTER_STALL_MS);
  return mostBytes - beforeBytes;
}

/** Returns when the last output came. */
async function untilQuiet(run: PeerRun, quietMs = QUIET_MS): Promise<number> {
  let size = -1;
  let grownAtMs = now();
  for (const deadline = now() + TIMEOUT_MS; now() < Math.min(deadline, grownAtMs + quietMs); await pause(POLL_MS)) {
    const { size: present } = statSync(run.outputFile);
    if (present !== size) grownAtMs = now();
    size = present;
  }
  return grownAtMs;
}

/** By pid: the number of lines that the child had written at this event. */
function linesWritten(run: PeerRun, type: string): Map<number, number> {
  return new Map(run.events(type).map(({ pid, figures: [lines = 0] }) => [pid, lines]));
}
