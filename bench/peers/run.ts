// One peer with its children, started as a platform starts a dyno: in a session of its own, with its output in a pipe to a reader.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onCleanup, temporaryFolder } from '../cleanup.ts';
import { DynoProcesses, dynoEnvironment, exitOf, pidOf, sendSignal } from '../dyno/processes.ts';
import type { ProcessExit } from '../dyno/processes.ts';
import type { Peer } from './peers.ts';

/**
 * `count`: of all children. `first` and `other`: options of `program` for the first and for the other children; or whole commands,
 * if `areCommands` is set.
 */
export type RunOptions = {
  count?: number;
  first?: string;
  other?: string;
  program?: string;
  areCommands?: boolean;
  env?: NodeJS.ProcessEnv;
};
export type RunEnd = ProcessExit & { atMs: number };
/** What a child has recorded: `figures` are numbers after the time. */
export type ChildEvent = { pid: number; atMs: number; figures: number[] };
export type StartedPeer = { peer: Peer; run: PeerRun };

/** The default program of the children. */
export const CHILD = `perl ${fileURLToPath(new URL('child.pl', import.meta.url))}`;
const UP_WITHIN_MS = 30_000;
const POLL_MS = 5;

/** Milliseconds on the monotonic clock, which the children use as well. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Starts all peers at the same time, and waits until their children are up or the time for that is over. */
export async function startAll(peers: readonly Peer[], options: () => Promise<RunOptions>): Promise<StartedPeer[]> {
  return Promise.all(
    peers.map(async (peer) => {
      const runOptions = await options();
      const run = new PeerRun(peer, runOptions);
      await run.untilEvents('up', runOptions.count ?? 3, UP_WITHIN_MS);
      return { peer, run };
    }),
  );
}

export class PeerRun {
  readonly folder = temporaryFolder();
  /** The file in which the children record events; its path with a suffix is a request to them (child.pl, writer.pl). */
  readonly eventFile = join(this.folder, 'events');
  readonly outputFile = join(this.folder, 'output');
  readonly startedMs: number;
  readonly child: ChildProcess;
  readonly ended: Promise<RunEnd>;
  readonly processes: DynoProcesses;
  /** The reader of the output: SIGSTOP stalls it. */
  readonly readerPid: number;
  readonly #cancelCleanup: () => void;
  #isOver = false;

  constructor(peer: Peer, options: RunOptions = {}) {
    const { count = 3, first = '', other = first, program = CHILD, areCommands = false, env = {} } = options;
    const command = (words: string) => (areCommands ? words : `${program} events=${this.eventFile} ${words}`.trim());
    const setup = { folder: this.folder, first: command(first), other: command(other), count };
    const {
      command: [file = '', ...args],
      env: peerEnv = {},
    } = peer.commandLine(setup);
    const marker = randomUUID();
    const { output, pid } = this.#startReader();
    this.readerPid = pid;
    this.startedMs = now();
    this.child = spawn(file, args, {
      cwd: this.folder,
      env: dynoEnvironment(marker, { ...peerEnv, ...env }),
      stdio: ['ignore', output, output],
      detached: true,
    });
    closeSync(output);
    this.ended = exitOf(this.child).then((exit) => ({ ...exit, atMs: now() }));
    this.processes = new DynoProcesses(this.child, marker);
    this.#cancelCleanup = onCleanup(() => this.kill());
  }

  /** The events of this type that the children have recorded so far. */
  events(type: string): ChildEvent[] {
    if (!existsSync(this.eventFile)) return [];
    const lines = readFileSync(this.eventFile, 'utf8').split('\n').slice(0, -1);
    return lines.flatMap((line) => {
      const [recorded, pid, atMs, ...figures] = line.split(' ');
      return recorded === type ? [{ pid: Number(pid), atMs: Number(atMs), figures: figures.map(Number) }] : [];
    });
  }

  /** Resolves once there are `count` events of this type; after `timeoutMs` with those that there are. */
  async untilEvents(type: string, count: number, timeoutMs = 30_000): Promise<ChildEvent[]> {
    for (const deadline = now() + timeoutMs; this.events(type).length < count && now() < deadline;)
      await pause(POLL_MS);
    return this.events(type);
  }

  /** Resolves with null when the main process is still running after so long. */
  async endWithin(ms: number): Promise<RunEnd | null> {
    return Promise.race([this.ended, pause(ms, null, { ref: false })]);
  }

  /** Sends SIGTERM to the main process, as most platforms do. */
  terminateMain(): void {
    this.child.kill('SIGTERM');
  }

  /** The processes of the peer itself: all but the children and what those have started. */
  supervisorPids(): number[] {
    const children = new Set(this.events('up').map(({ pid }) => pid));
    return this.processes.find().filter((pid) => !children.has(pid));
  }

  get output(): string {
    return readFileSync(this.outputFile, 'utf8');
  }

  /** Sends SIGKILL to all that is left. Only once: other processes may have these pids later. */
  kill(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.processes.kill();
    sendSignal(this.readerPid, 'SIGKILL');
  }

  /** Kills what is left and removes the folder. */
  discard(): void {
    this.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    this.#cancelCleanup();
  }

  /** Through a fifo: the pipes that Node makes are sockets. */
  #startReader(): { output: number; pid: number } {
    const fifo = join(this.folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const file = openSync(this.outputFile, 'w');
    const reader = spawn('cat', [fifo], { stdio: ['ignore', file, 'ignore'] });
    closeSync(file);
    return { output: openSync(fifo, 'w'), pid: pidOf(reader) }; // open(2) waits until the reader has opened the fifo.
  }
}
