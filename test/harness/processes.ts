import { readFileSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';

/** pid -> start time: what a look has seen of a dyno or of a run of tests, so that a process is known again after its parent's death, and a stranger who
 * gets its number is not. */
export type Seen = Map<number, string>;
export type Row = { pid: number; parent: number; session: number; started: string; zombie: boolean; stopped: boolean };
/** A busy machine lets a process run on for so long after its SIGSTOP, in looks of a millisecond. */
const LOOKS = 200;

/** What is known of a dyno that has just been started; not later, or a stranger may have the number. */
export function justStarted(pid: number | undefined): Seen {
  const found = pid === undefined ? undefined : row(pid);
  return new Map(found === undefined ? [] : [[found.pid, found.started]]);
}

/** The living processes of a dyno. */
export function ofDyno(marker: string, seen: Seen): number[] {
  return kinOf(seen, (pid) => environment(pid).includes(`TEST_DYNO=${marker}`)).map(({ pid }) => pid);
}

/** Who lives and is known by a mark, an earlier look, descent, or the session of one that lives. */
export function kinOf(seen: Seen, isMarked: (pid: number) => boolean): Row[] {
  const rows = processTable();
  const ours = new Set<number>();
  const known = (row: Row): boolean => seen.get(row.pid) === row.started || isMarked(row.pid);
  for (const row of rows) if (known(row)) ours.add(row.pid);
  for (let size = -1; size !== ours.size;) {
    size = ours.size;
    for (const row of rows) if (ours.has(row.parent) || ours.has(row.session)) ours.add(row.pid);
  }
  for (const row of rows) if (ours.has(row.pid)) seen.set(row.pid, row.started);
  return rows.filter((row) => ours.has(row.pid) && !row.zombie);
}

export function alive(pid: number): boolean {
  return row(pid)?.zombie === false;
}

/** On the clock of process.hrtime, to 10 ms. Infinity: it is no more. */
export function bornAtMs(pid: number): number {
  const found = row(pid);
  return found === undefined ? Infinity : Number(found.started) * 10;
}

/** After a SIGSTOP: whether it is stopped, and has not ended instead. */
export function comesToRest(pid: number, looks = LOOKS): boolean {
  const found = row(pid);
  if (found === undefined || found.zombie) return false;
  if (found.stopped || looks === 0) return true;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  return comesToRest(pid, looks - 1);
}

export function processTable(): Row[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => row(Number(name)))
    .filter((found) => found !== undefined);
}

/** False where nobody was there any more. */
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

/** Whether it has a handler for the signal. */
export function catches(pid: number, signal: NodeJS.Signals): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(read(pid, 'status'))?.[1] ?? '0';
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

export function environment(pid: number): string[] {
  return read(pid, 'environ').split('\0');
}

function row(pid: number): Row | undefined {
  const stat = read(pid, 'stat');
  if (stat === '') return undefined;
  const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const are = { zombie: state === 'Z', stopped: state === 'T' };
  return { pid, parent: Number(parent), session: Number(session), started: rest[15] ?? '', ...are };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
