import { readlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { numberAfter, openForRereading, readProcBytes, readProcFile } from './proc-file.ts';

/** The memory of a process as /proc/PID/status shows it. */
export type MemoryUse = {
  name: string;
  parent: number;
  /** Private, or shared with a fork until one of them writes to it. */
  anonBytes: number;
  fileBytes: number;
  shmemBytes: number;
  swapBytes: number;
};

/** A quick reading, 0.02 ms; null when the process has exited, reaped or not. */
export function readMemoryUse(pid: number): MemoryUse | null {
  return parseStatus(readProcBytes(`/proc/${pid}/status`));
}

/** Parses /proc/PID/status. null for a zombie or a kernel thread: they have no memory, and no such lines. */
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

/** The name on the first line. The kernel escapes a newline as `\\n` and doubles a backslash. */
function nameIn(status: Buffer): string {
  const name = status.toString('latin1', 'Name:\t'.length, status.indexOf('\n'));
  return name.includes('\\') ? name.replace(/\\([\\n])/g, (_, letter) => (letter === 'n' ? '\n' : '\\')) : name;
}

/** An estimate from a quick reading, in bytes: too high for a fork that shares memory, too low by the mapped files. */
export function estimate({ anonBytes, shmemBytes, swapBytes }: MemoryUse): number {
  return anonBytes + shmemBytes + swapBytes;
}

/** Private memory and the share of shared memory, with swap, in bytes: Pss + SwapPss of smaps_rollup. The kernel visits every page for
 * it (2.8 ms at 300 MB). null when it may not be read, or when the kernel is older than 4.14. */
export function readExact(pid: number): number | null {
  return parseRollup(readProcBytes(`/proc/${pid}/smaps_rollup`));
}

export function parseRollup(rollup: Buffer): number | null {
  const pss = numberAfter(rollup, 'Pss:');
  return Number.isNaN(pss) ? null : (pss + (numberAfter(rollup, 'SwapPss:') || 0)) * 1024;
}

/** The name of the executable file, without folders: `ruby3.1`, even if it was replaced on disk; null when it may not be read. */
export function programOf(pid: number): string | null {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''));
  } catch {
    return null;
  }
}

const readLoad = openForRereading('/proc/loadavg');

/** The latest pid that the kernel assigned to a process or a thread: if it is unchanged, there is no new process. null when
 * /proc/loadavg does not tell. */
export function lastPid(): number | null {
  return parseLoad(readLoad());
}

/** The text of /proc/loadavg: `0.30 0.25 1.14 1/84 14392`. */
export function parseLoad(text: string): number | null {
  const pid = Number(/^\S+ \S+ \S+ \d+\/\d+ (\d{1,10})$/.exec(text.trimEnd())?.[1] ?? 0);
  return pid > 0 ? pid : null;
}

/** Minor page faults since the start of the process: pages that it got without a read from disk, copies of shared pages included. NaN
 * when it has exited. */
export function readFaults(pid: number): number {
  return parseFaults(readProcFile(`/proc/${pid}/stat`));
}

/** Parses /proc/PID/stat. The name in parentheses may contain any character. */
export function parseFaults(text: string): number {
  const faults = text.slice(text.lastIndexOf(')') + 2).split(' ', 8)[7];
  return faults !== undefined && /^\d{1,15}$/.test(faults) ? Number(faults) : NaN;
}

const MAX_OOM_SCORE_ADJ = 1000;

/**
 * Raises the oom_score_adj of a process to our own plus `increase`. When the kernel chooses a process to kill, it adds that many
 * thousandths of all memory to the memory of this one. Processes that it starts later inherit the value. Any user may raise it. It is
 * never lowered, because an admin may have set a higher one. Failures are ignored.
 */
export function raiseOomScore(pid: number, increase: number): void {
  const file = `/proc/${pid}/oom_score_adj`;
  const score = Math.min(MAX_OOM_SCORE_ADJ, scoreIn('/proc/self/oom_score_adj') + increase);
  if (!(score > scoreIn(file))) return; // NaN when there is no such file
  try {
    writeFileSync(file, String(score), { flag: 'r+' });
  } catch {
    // The process has just exited, or runs as another user.
  }
}

function scoreIn(file: string): number {
  const text = readProcFile(file).trim();
  return text === '' ? NaN : Number(text);
}
