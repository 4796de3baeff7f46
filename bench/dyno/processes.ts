// The processes that belong to a dyno, read from /proc without the supervisor's own code, which is under test.
import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

/** An environment variable with a value of the dyno's own. A process that has it was started by the dyno. */
export const MARKER = 'MEMORY_DYNO';
/** A process may fork while it is killed, so that one round is not always enough. */
const KILL_ROUNDS = 200;

export type ProcessExit = { code: number | null; signal: NodeJS.Signals | null };
type ProcessRow = { pid: number; parent: number; session: number; startTime: string | undefined; isZombie: boolean };
type KnownProcess = { startTime: string | undefined; isOfDyno: boolean };

/** All processes that descend from one process, or carry the marker of its environment. */
export class DynoProcesses {
  readonly rootPid: number;
  readonly #marker: string;
  readonly #known = new Map<number, KnownProcess>();

  constructor(root: ChildProcess, marker: string) {
    this.rootPid = pidOf(root);
    this.#marker = marker;
  }

  /** The pids of the living ones: by marker, session or descent, or because an earlier call found them. */
  find(): number[] {
    const rows = processRows();
    const pids = new Set(rows.filter((row) => this.#isOfDyno(row)).map(({ pid }) => pid));
    for (let size = -1; size !== pids.size;) {
      size = pids.size;
      for (const { pid, parent, session } of rows) if (pids.has(parent) || pids.has(session)) pids.add(pid);
    }
    for (const { pid, startTime } of rows) this.#known.set(pid, { startTime, isOfDyno: pids.has(pid) });
    return rows.filter(({ pid, isZombie }) => pids.has(pid) && !isZombie).map(({ pid }) => pid);
  }

  /** Sends a signal to all of them at once, as Heroku does. */
  signal(name: NodeJS.Signals, pids = this.find()): void {
    for (const pid of pids) sendSignal(pid, name);
  }

  /** Sends SIGKILL until no process is left. */
  kill(): void {
    let pids = this.find();
    for (let round = 0; pids.length > 0 && round < KILL_ROUNDS; round += 1) {
      this.signal('SIGKILL', pids);
      pids = this.find();
    }
  }

  /** Reads each environment once: puma overwrites its own later, and reading costs time. */
  #isOfDyno({ pid, startTime }: ProcessRow): boolean {
    if (pid === this.rootPid) return true;
    const known = this.#known.get(pid);
    if (known !== undefined && known.startTime === startTime) return known.isOfDyno;
    return readProc(pid, 'environ').includes(`${MARKER}=${this.#marker}`);
  }
}

/** What a process of a dyno gets from this process's environment, and the marker. */
export function dynoEnvironment(marker: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, LANG: 'C.UTF-8', ...env, [MARKER]: marker };
}

export function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}

export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error(`${child.spawnfile} could not be started`);
  return child.pid;
}

/** Does nothing when the process has exited. */
export function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has exited.
  }
}

/** puma, sidekiq, streaming, supervisor, shell, or the name of the program that a job runs. */
export function processKind(pid: number): string {
  const name = readProc(pid, 'comm').trim();
  const commandLine = readProc(pid, 'cmdline').replaceAll('\0', ' ');
  if (name === 'bash' || name === 'sh') return 'shell';
  if (commandLine.includes('mstdn-supervise.js')) return 'supervisor';
  return ['sidekiq', 'puma', 'streaming'].find((kind) => commandLine.includes(kind)) ?? name;
}

/** The text of a file in /proc/PID; empty when the process has exited. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** The fields of /proc/PID/stat after the name, which may contain spaces: the first is the state. */
export function statFields(pid: number): string[] {
  const stat = readProc(pid, 'stat');
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function processRows(): ProcessRow[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => processRow(Number(pid))).filter((row) => row !== undefined);
}

function processRow(pid: number): ProcessRow | undefined {
  const [state, parent, , session, ...rest] = statFields(pid);
  if (state === undefined) return undefined;
  return { pid, parent: Number(parent), session: Number(session), startTime: rest[15], isZombie: state === 'Z' };
}
