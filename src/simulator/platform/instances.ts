import type { LogPace } from '../action.ts';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { toExitCode } from '../../exit-status.ts';
import { spawnChild } from '../../process/spawn.ts';
import { ProcessTracker } from '../../process/process-tracker.ts';
import { killTree, sendSignal } from '../../process/termination.ts';
import type { ProcessView } from '../simulation.ts';
import { LogReader, openPipe } from './log-reader.ts';
import { readTree } from './process-tree.ts';

/** The environment of an instance: its folder, variables, port and command prefix. */
export type InstanceConfig = Pick<DynoProcessOptions, 'folder' | 'scratch' | 'env' | 'prefix'> & {
  port: number | null;
  dispose: () => void;
};

type InstanceEvents = {
  print: (line: string) => void;
  portOpened: () => void;
  /** orphans: processes that outlived the first one and were killed. */
  exited: (status: number, orphans: number) => void;
};

type RunningInstance = {
  /** `web.1` */
  dyno: string;
  id: number;
  process: DynoProcess;
  port: number | null;
  /** As last measured. */
  processes: readonly ProcessView[];
};

/** The instances that have processes. */
export class Instances {
  readonly #running = new Map<string, RunningInstance>();
  #pace: LogPace;

  constructor(pace: LogPace) {
    this.#pace = pace;
  }

  get all(): readonly RunningInstance[] {
    return [...this.#running.values()];
  }

  /** undefined before the first process starts and after the last has exited. */
  get(dyno: string, id: number): RunningInstance | undefined {
    return this.#running.get(`${dyno} ${id}`);
  }

  /** Resolves when the instance has ended: all processes exited, all output read. */
  async start(dyno: string, id: number, command: string, config: InstanceConfig, on: InstanceEvents): Promise<void> {
    const { port, dispose, ...place } = config;
    const process = spawned({ ...place, command, pace: this.#pace, print: on.print }, dispose);
    this.#running.set(`${dyno} ${id}`, { dyno, id, process, port, processes: [] });
    if (port !== null) process.onPortOpen(port, on.portOpened);
    const status = await process.exited;
    const orphans = process.kill() + (await process.outputClosed);
    this.#running.delete(`${dyno} ${id}`);
    dispose();
    on.exited(status, orphans);
  }

  setLogPace(pace: LogPace): void {
    this.#pace = pace;
    for (const { process } of this.all) process.setLogPace(pace);
  }

  /** The dyno that this process belongs to, or null. */
  ownerOf(pid: number): string | null {
    return this.all.find(({ process }) => process.has(pid))?.dyno ?? null;
  }
}

function spawned(start: DynoProcessOptions, dispose: () => void): DynoProcess {
  try {
    return new DynoProcess(start);
  } catch (error) {
    dispose();
    throw error;
  }
}

type DynoProcessOptions = {
  command: string;
  /** true: by bash after the app's profile, as a dyno. false: by sh, as the release command. */
  login?: boolean;
  folder: string;
  /** A folder for this instance's files. */
  scratch: string;
  env: Readonly<Record<string, string>>;
  /** A command prefix that ends the dyno if the simulator is killed. */
  prefix: readonly string[];
  pace: LogPace;
  print: (line: string) => void;
};

/** As the platform does: source .profile.d and .profile, then run the command by bash, which replaces itself by the
 * command where it can. [F] */
const LOGIN_SCRIPT = 'for file in .profile.d/*.sh .profile; do [ -r "$file" ] && . "./$file"; done; exec bash -c "$1"';
/** Marks every process of one instance in its environment. */
const INSTANCE_VARIABLE = 'SIMULATED_LIFE';
/** A process may fork while it is killed; the next round finds its child. */
const MAX_KILL_ROUNDS = 20;
const POLL_MS = 100;

/** The processes of one dyno instance, in their own session. */
export class DynoProcess {
  /** The exit code of the first process: 128 + n after a signal. */
  readonly exited: Promise<number>;
  /** Resolves when all output has been read, with the number of processes killed because they held the pipe open. Such
   * a process has left the session and the environment of the dyno but still belongs to it. */
  readonly outputClosed: Promise<number>;
  readonly pid: number | null;
  readonly #tracker: ProcessTracker;
  readonly #reader: LogReader;
  #hasExited = false;

  constructor({ command, login = true, folder, scratch, env, prefix, pace, print }: DynoProcessOptions) {
    const instanceId = randomUUID();
    this.#tracker = new ProcessTracker(`${INSTANCE_VARIABLE}=${instanceId}`);
    const pipe = openPipe(scratch);
    this.#reader = new LogReader(pipe.output, pace, print);
    const shell = login ? ['bash', '-c', LOGIN_SCRIPT, 'bash', command] : ['sh', '-c', command];
    const [file = '', ...args] = [...prefix, ...shell];
    const process = spawnChild([file, ...args], {
      env: { ...env, [INSTANCE_VARIABLE]: instanceId },
      folder,
      output: pipe.input,
    });
    pipe.closeInput();
    this.pid = process.pid;
    if (process.pid !== null) this.#tracker.add(process.pid, '');
    this.exited = process.exited.then((status) => {
      this.#hasExited = true;
      if (status.kind === 'not-started') print(`cannot start: ${status.error.message}`);
      return toExitCode(status);
    });
    this.outputClosed = this.exited.then(() => this.#closeOutput(pipe.holders));
  }

  /** All live processes with their memory, parents before children. */
  readProcesses(): ProcessView[] {
    return this.pid === null ? [] : readTree(this.#tracker.scan(), this.pid);
  }

  has(pid: number): boolean {
    return this.#tracker.scan().some((member) => member.pid === pid);
  }

  /** Sends TERM to all processes. */
  terminate(): void {
    for (const { pid } of this.#tracker.findLiving()) sendSignal(pid, 'SIGTERM');
  }

  /** Sends SIGKILL to all remaining processes. Returns how many there were. */
  kill(): number {
    const killed = new Set<number>();
    for (let round = 0; round < MAX_KILL_ROUNDS; round += 1) {
      const left = this.#tracker.findLiving().filter(({ pid }) => !killed.has(pid));
      if (left.length === 0) break;
      for (const { pid } of left) {
        killed.add(pid);
        sendSignal(pid, 'SIGKILL');
      }
    }
    if (this.pid !== null && !this.#hasExited) void killTree(this.pid); // for systems without /proc
    return killed.size;
  }

  setLogPace(pace: LogPace): void {
    this.#reader.setPace(pace);
  }

  async #closeOutput(holders: () => readonly number[]): Promise<number> {
    const strays = new Set<number>();
    await this.#reader.finish(() => {
      for (const pid of holders()) {
        strays.add(pid);
        sendSignal(pid, 'SIGKILL');
      }
    });
    return strays.size;
  }

  /** Calls back when a process listens on the port. Never calls back after the dyno has exited. */
  onPortOpen(port: number, onPortOpen: () => void): void {
    if (this.#hasExited) return;
    const socket = connect({ port, host: '127.0.0.1' });
    const retry = (): void => void setTimeout(() => this.onPortOpen(port, onPortOpen), POLL_MS).unref();
    socket.once('error', retry).once('connect', () => {
      socket.destroy();
      if (!this.#hasExited) onPortOpen();
    });
  }
}
