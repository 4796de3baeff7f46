import { readFileSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';

/** pid -> start time of the processes of a dyno or of a test run that a scan has found. A process is recognized by it after its parent
 * has exited, and an unrelated process with a reused pid is not. */
export type Seen = Map<number, string>;
export type Row = { pid: number; parent: number; session: number; started: string; zombie: boolean; stopped: boolean };
/** On a busy machine a process may keep running for a while after SIGSTOP; one check each millisecond. */
const MAX_STOP_CHECKS = 200;

/** The first process of a dyno that has just been started. Call it at once: later the pid may have been reused. */
export function firstSeen(pid: number | undefined): Seen {
  const found = pid === undefined ? undefined : readRow(pid);
  return new Map(found === undefined ? [] : [[found.pid, found.started]]);
}

/** The living processes of a dyno. */
export function findDynoPids(marker: string, seen: Seen): number[] {
  return findRelated(seen, (pid) => environment(pid).includes(`TEST_DYNO=${marker}`)).map(({ pid }) => pid);
}

/** Living processes that are marked or known from an earlier scan, their descendants, and the members of their sessions. */
export function findRelated(seen: Seen, isMarked: (pid: number) => boolean): Row[] {
  const rows = processTable();
  const related = new Set<number>();
  const isKnown = (row: Row): boolean => seen.get(row.pid) === row.started || isMarked(row.pid);
  for (const row of rows) if (isKnown(row)) related.add(row.pid);
  for (let size = -1; size !== related.size;) {
    size = related.size;
    for (const row of rows) if (related.has(row.parent) || related.has(row.session)) related.add(row.pid);
  }
  for (const row of rows) if (related.has(row.pid)) seen.set(row.pid, row.started);
  return rows.filter((row) => related.has(row.pid) && !row.zombie);
}

export function alive(pid: number): boolean {
  return readRow(pid)?.zombie === false;
}

/** The start time on the clock of process.hrtime, to 10 ms; Infinity if the process does not exist. */
export function bornAtMs(pid: number): number {
  const found = readRow(pid);
  return found === undefined ? Infinity : Number(found.started) * 10;
}

/** Waits for a SIGSTOP to take effect. False if the process has exited instead. */
export function waitUntilStopped(pid: number, checksLeft = MAX_STOP_CHECKS): boolean {
  const found = readRow(pid);
  if (found === undefined || found.zombie) return false;
  if (found.stopped || checksLeft === 0) return true;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  return waitUntilStopped(pid, checksLeft - 1);
}

export function processTable(): Row[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readRow(Number(name)))
    .filter((found) => found !== undefined);
}

/** Returns false if the process has exited. */
export function signalIfAlive(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

export function commandLine(pid: number): string {
  return read(pid, 'cmdline').replaceAll('\0', ' ').trim();
}

/** Whether the process has a handler for the signal. */
export function catches(pid: number, signal: NodeJS.Signals): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(read(pid, 'status'))?.[1] ?? '0';
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

export function environment(pid: number): string[] {
  return read(pid, 'environ').split('\0');
}

function readRow(pid: number): Row | undefined {
  const stat = read(pid, 'stat');
  if (stat === '') return undefined;
  const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const flags = { zombie: state === 'Z', stopped: state === 'T' };
  return { pid, parent: Number(parent), session: Number(session), started: rest[15] ?? '', ...flags };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
