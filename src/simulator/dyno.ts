import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { toExitCode } from '../exit-status.ts';
import { ProcessTracker } from '../process/process-tracker.ts';
import { spawnChild } from '../process/spawn.ts';
import { killTree, sendSignal } from '../process/termination.ts';
import { openPipe } from './log-pipe.ts';
import { LogReader } from './log-reader.ts';
import { readTree } from './process-tree.ts';
import type { LogPace, ProcessView } from './view.ts';

export type DynoStart = {
  command: string;
  /** As a dyno: by bash, after the app's profile. Else by sh, as the release command. */
  login?: boolean;
  folder: string;
  /** A folder for what only this life leaves behind. */
  scratch: string;
  env: Readonly<Record<string, string>>;
  /** What ends it when we are killed ourselves, before its own words. */
  prefix: readonly string[];
  pace: LogPace;
  print: (line: string) => void;
};

/** As the platform does: .profile.d and .profile of the app, then the command, by bash; nothing stands between where bash
 * can replace itself by the command. [F] */
const LOGIN = 'for file in .profile.d/*.sh .profile; do [ -r "$file" ] && . "./$file"; done; exec bash -c "$1"';
/** The variable that marks each process of one life. */
const MARK = 'SIMULATED_LIFE';
/** Who forks while it is killed leaves somebody to the next round. */
const ROUNDS = 20;
const POLL_MS = 100;

/** One life of a dyno: its processes, in a session of their own, from the first to the last. */
export class Dyno {
  /** The exit code of its first process, 128 + the number of a signal. */
  readonly exited: Promise<number>;
  /** Once everything that it printed has been read; how many had left their session and their environment, and were killed
   * for it: whoever holds its pipe belongs to it. */
  readonly silent: Promise<number>;
  readonly pid: number | null;
  readonly #families: ProcessTracker;
  readonly #reader: LogReader;
  #isOver = false;

  constructor({ command, login = true, folder, scratch, env, prefix, pace, print }: DynoStart) {
    const mark = randomUUID();
    this.#families = new ProcessTracker(`${MARK}=${mark}`);
    const pipe = openPipe(scratch);
    this.#reader = new LogReader(pipe.output, pace, print);
    const [file = 'bash', ...words] = login ? ['bash', '-c', LOGIN, 'bash', command] : ['sh', '-c', command];
    const process = spawnChild(prefixed(prefix, file, words), {
      env: { ...env, [MARK]: mark },
      folder,
      output: pipe.input,
    });
    pipe.started();
    this.pid = process.pid;
    if (process.pid !== null) this.#families.add(process.pid, '');
    this.exited = process.exited.then((status) => {
      this.#isOver = true;
      if (status.kind === 'not-started') print(`could not start: ${status.error.message}`);
      return toExitCode(status);
    });
    this.silent = this.exited.then(() => this.#fallSilent(pipe.holders));
  }

  /** Every process of it that lives, parents before their children; with their memory. */
  look(): ProcessView[] {
    return this.pid === null ? [] : readTree(this.#families.scan(), this.pid);
  }

  /** Whether this is a process of it. */
  has(pid: number): boolean {
    return this.#families.scan().some((member) => member.pid === pid);
  }

  /** TERM for all of its processes. */
  term(): void {
    for (const { pid } of this.#families.findLiving()) sendSignal(pid, 'SIGTERM');
  }

  /** SIGKILL for all that is left of it; gives how many that were. */
  kill(): number {
    const killed = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const left = this.#families.findLiving().filter(({ pid }) => !killed.has(pid));
      if (left.length === 0) break;
      for (const { pid } of left) {
        killed.add(pid);
        sendSignal(pid, 'SIGKILL');
      }
    }
    if (this.pid !== null && !this.#isOver) void killTree(this.pid); // where there is no /proc
    return killed.size;
  }

  pace(pace: LogPace): void {
    this.#reader.pace(pace);
  }

  async #fallSilent(holders: () => readonly number[]): Promise<number> {
    const strays = new Set<number>();
    await this.#reader.finish(() => {
      for (const pid of holders()) {
        strays.add(pid);
        sendSignal(pid, 'SIGKILL');
      }
    });
    return strays.size;
  }

  /** Calls back once something listens on the port; never when it ends before. */
  whenBound(port: number, bound: () => void): void {
    if (this.#isOver) return;
    const socket = connect({ port, host: '127.0.0.1' });
    const again = (): void => void setTimeout(() => this.whenBound(port, bound), POLL_MS).unref();
    socket.once('error', again).once('connect', () => {
      socket.destroy();
      if (!this.#isOver) bound();
    });
  }
}

function prefixed(prefix: readonly string[], file: string, words: readonly string[]): [string, ...string[]] {
  const [first, ...rest] = prefix;
  return first === undefined ? [file, ...words] : [first, ...rest, file, ...words];
}
