import { readdirSync } from 'node:fs';
import { readProcFile } from './proc-file.ts';

export type ProcessRow = {
  pid: number;
  parent: number;
  session: number;
  /** Clock ticks since boot: together with the pid it identifies a process for ever. */
  started: string;
  name: string;
  /** Exited, and waiting to be reaped. */
  zombie: boolean;
};

/** All processes in /proc; none without /proc. Processes that exit while it is read are left out. */
export function readProcesses(): ProcessRow[] {
  return list('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readProcess(Number(name)) ?? []) : []));
}

export function readProcess(pid: number): ProcessRow | null {
  return parseStat(readProcFile(`/proc/${pid}/stat`));
}

/** The descendants of a process. Reads only their own files, so that it is cheap enough for a scan every few seconds. A kernel without
 * CONFIG_PROC_CHILDREN shows none. */
export function readDescendants(pid: number): ProcessRow[] {
  return childrenOf(pid).flatMap((child) => {
    const row = readProcess(child);
    return row === null ? [] : [row, ...readDescendants(child)];
  });
}

function childrenOf(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((thread) => {
    const children = readProcFile(`/proc/${pid}/task/${thread}/children`, true).trim();
    return children === '' ? [] : children.split(' ').map(Number);
  });
}

/** Whether the process was started with all of these variables. False if it has overwritten its environment. */
export function hasEnvironment(pid: number, ...variables: string[]): boolean {
  const environment = `\0${readProcFile(`/proc/${pid}/environ`, true)}\0`;
  return variables.every((variable) => environment.includes(`\0${variable}\0`));
}

export function commandLine(pid: number): string[] {
  return readProcFile(`/proc/${pid}/cmdline`, true).split('\0').slice(0, -1);
}

/** The command line as one line of text: a process that replaced it with a title leaves NULs behind. */
export function titleOf(pid: number): string {
  return readProcFile(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** Parses /proc/PID/stat. The name in parentheses may contain any character. It uses no regular expression: the first one costs 2 ms,
 * and this runs before the first child starts. */
export function parseStat(text: string): ProcessRow | null {
  const [open, close] = [text.indexOf(' ('), text.lastIndexOf(') ')];
  const pid = Number(text.slice(0, Math.max(open, 0)));
  const [state, parent, , session, ...rest] = text.slice(close + 2).split(' ');
  const started = rest[15];
  if (!(pid > 0) || close < open || started === undefined) return null;
  return {
    pid,
    parent: Number(parent),
    session: Number(session),
    started,
    name: text.slice(open + 2, close),
    zombie: state === 'Z' || state === 'X',
  };
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
