import { readlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { keepOpen, numberAfter, readProcBytes, readProcFile } from './proc-file.ts';

/** What /proc/PID/status says of a process; memory in bytes. */
export type MemoryUse = {
  name: string;
  parent: number;
  /** Of it alone, or shared with a fork that has not written to it since. */
  anonBytes: number;
  fileBytes: number;
  shmemBytes: number;
  swapBytes: number;
};

/** A quick look at what a process uses, 0.02 ms; null when it has ended, reaped or not. */
export function readMemoryUse(pid: number): MemoryUse | null {
  return parseStatus(readProcBytes(`/proc/${pid}/status`));
}

/** /proc/PID/status. A zombie and a thread of the kernel have no memory, and no such lines. */
export function parseStatus(status: Buffer): MemoryUse | null {
  const [anon, file] = [numberAfter(status, 'RssAnon:'), numberAfter(status, 'RssFile:')];
  const [shmem, swap] = [numberAfter(status, 'RssShmem:'), numberAfter(status, 'VmSwap:')];
  const parent = numberAfter(status, 'PPid:');
  if (Number.isNaN(parent + anon + file + shmem)) return null;
  return {
    name: nameIn(status),
    parent,
    anonBytes: anon * 1024,
    fileBytes: file * 1024,
    shmemBytes: shmem * 1024,
    swapBytes: (swap || 0) * 1024, // a kernel without swap has no such line
  };
}

/** On the first line; the kernel writes a newline in a name as `\\n`, and a backslash as two. */
function nameIn(status: Buffer): string {
  const name = status.toString('latin1', 'Name:\t'.length, status.indexOf('\n'));
  return name.includes('\\') ? name.replace(/\\([\\n])/g, (_, letter) => (letter === 'n' ? '\n' : '\\')) : name;
}

/** An estimate from the quick look, bytes: too high where a fork shares its memory, too low by the files it has mapped. */
export function estimate({ anonBytes, shmemBytes, swapBytes }: MemoryUse): number {
  return anonBytes + shmemBytes + swapBytes;
}

/** Its own memory and its part of what it shares, in memory or swapped out, in bytes: PSS + SwapPss of smaps_rollup, for
 * which the kernel goes through every page (2.8 ms at 300 MB). null where that is not ours to read, or the kernel is older
 * than 4.14. */
export function readExact(pid: number): number | null {
  return parseRollup(readProcBytes(`/proc/${pid}/smaps_rollup`));
}

export function parseRollup(rollup: Buffer): number | null {
  const pss = numberAfter(rollup, 'Pss:');
  return Number.isNaN(pss) ? null : (pss + (numberAfter(rollup, 'SwapPss:') || 0)) * 1024;
}

/** The file that a process runs, without folders: `ruby3.1`, also when it was replaced on the disk; null where that is not
 * ours to read. */
export function programOf(pid: number): string | null {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''));
  } catch {
    return null;
  }
}

const readLoad = keepOpen('/proc/loadavg');

/** The pid that was given last, to a process or a thread: while it stays, there is no new process. null where
 * /proc/loadavg does not tell. */
export function lastPid(): number | null {
  return parseLoad(readLoad());
}

/** The text of /proc/loadavg: `0.30 0.25 1.14 1/84 14392`. */
export function parseLoad(text: string): number | null {
  const pid = Number(/^\S+ \S+ \S+ \d+\/\d+ (\d{1,10})$/.exec(text.trimEnd())?.[1] ?? 0);
  return pid > 0 ? pid : null;
}

/** How often the process has been given a page without a read of the disk, its own copy of a shared one included, since it
 * started; NaN when it has ended. */
export function readFaults(pid: number): number {
  return parseFaults(readProcFile(`/proc/${pid}/stat`));
}

/** A line of /proc/PID/stat; the name in parentheses may hold anything. */
export function parseFaults(text: string): number {
  const faults = text.slice(text.lastIndexOf(')') + 2).split(' ', 8)[7];
  return faults !== undefined && /^\d{1,15}$/.test(faults) ? Number(faults) : NaN;
}

const MOST = 1000;

/** Raises the oom_score_adj of a process to our own and that much more, in thousandths of all memory that the kernel takes
 * it to have beside its own when it looks for one to end; processes that it starts from then on inherit it. Anybody may
 * raise it, and nothing is lowered: an admin may have raised it higher. Where that cannot be, it stays as it is. */
export function raiseOomScore(pid: number, by: number): void {
  const file = `/proc/${pid}/oom_score_adj`;
  const wanted = Math.min(MOST, scoreIn('/proc/self/oom_score_adj') + by);
  if (!(wanted > scoreIn(file))) return; // NaN where there is no such file
  try {
    writeFileSync(file, String(wanted), { flag: 'r+' });
  } catch {
    // it ended this moment, or runs as somebody else
  }
}

function scoreIn(file: string): number {
  const text = readProcFile(file).trim();
  return text === '' ? NaN : Number(text);
}
