import { readdirSync, readFileSync } from 'node:fs';

export type ProcessRow = {
  pid: number;
  parent: number;
  session: number;
  /** Clock ticks since boot: with the pid it names a process for good. */
  started: string;
  name: string;
  /** Ended, and only waiting to be reaped. */
  zombie: boolean;
};

/** Every process that /proc shows now; none where there is no /proc. Those that vanish meanwhile are left out. */
export function readProcesses(): ProcessRow[] {
  return pids().flatMap((pid) => parseStat(read(pid, 'stat')) ?? []);
}

export function readProcess(pid: number): ProcessRow | null {
  return parseStat(read(pid, 'stat'));
}

/** The environment that the process was started with; it may have written over it. */
export function carries(pid: number, variable: string): boolean {
  return `\0${read(pid, 'environ')}`.includes(`\0${variable}`);
}

export function commandLine(pid: number): string[] {
  return read(pid, 'cmdline').split('\0').slice(0, -1);
}

/** A line of /proc/PID/stat; the name stands in parentheses and may hold anything. */
export function parseStat(text: string): ProcessRow | null {
  const match = /^(\d+) \(([^]*)\) (.+)$/m.exec(text.trimEnd());
  const [state, parent, , session, ...rest] = match?.[3]?.split(' ') ?? [];
  const started = rest[15];
  if (match === null || started === undefined) return null;
  return {
    pid: Number(match[1]),
    parent: Number(parent),
    session: Number(session),
    started,
    name: match[2] ?? '',
    zombie: state === 'Z' || state === 'X',
  };
}

function pids(): number[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? Number(name) : []));
  } catch {
    return [];
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
