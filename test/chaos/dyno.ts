import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { End } from '../harness/dyno.ts';
import { alive, firstSeen, findDynoPids, processTable, signalIfAlive, type Seen } from '../harness/processes.ts';
import { nodeWarningsIn, type History, type Injected } from './history.ts';
import type { RealFault } from './real-scenario.ts';
import { now, sleepUntil, startCpuLoad, type Environment } from './sandbox.ts';
import type { Fault, Scenario, Scheduled, Target } from './scenario.ts';

const READ_EVERY_MS = 10;
const CLEARED_WITHIN_MS = 5000;
const LAG_EVERY_MS = 20;

type ReaderFault = 'stall-reader' | 'resume-reader' | 'close-reader';
type DynoFault = Exclude<Fault | RealFault, { type: 'request' | 'step-clock' | 'restart-redis' }>;

/** Reads the dyno's log, and can stall or close it. A file is only read at the end. */
export class LogReader {
  state: History['reader'] = 'reading';
  /** What came on stderr, where stdout is a socket. */
  stderr = '';
  readonly stdio: number | 'pipe';
  readonly #file: string;
  #stdout: Readable | null = null;
  #stderr: Readable | null = null;
  #text = '';

  constructor(kind: Scenario['stdout'], folder: string) {
    this.#file = join(folder, 'log');
    if (kind === 'socket') this.stdio = 'pipe';
    else if (kind === 'file') this.stdio = openSync(this.#file, 'a');
    else {
      execFileSync('mkfifo', [this.#file]);
      const fd = openSync(this.#file, constants.O_RDONLY | constants.O_NONBLOCK);
      this.#listen(new Socket({ fd, readable: true }));
      this.stdio = openSync(this.#file, constants.O_WRONLY);
    }
  }

  /** Of a socket, the harness has the other end; of a pipe or file, the child now holds its own descriptor. */
  attach({ stdout, stderr }: ChildProcess): void {
    if (this.stdio !== 'pipe') return closeSync(this.stdio);
    if (stdout !== null) this.#listen(stdout);
    this.#stderr = stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text)) ?? null;
  }

  /** Null where there is nothing to stall or close. */
  inject(fault: ReaderFault): [] | null {
    if (this.#stdout === null || this.state === 'closed') return null;
    this.state = ({ 'stall-reader': 'stalled', 'resume-reader': 'reading', 'close-reader': 'closed' } as const)[fault];
    this.#stdout[({ 'stall-reader': 'pause', 'resume-reader': 'resume', 'close-reader': 'destroy' } as const)[fault]]();
    return [];
  }

  /** All output, once no process holds the other end, or after this many polls. A time limit could expire before the first poll
   * when this process is not scheduled. */
  async readAll(polls: number): Promise<string> {
    if (this.#stdout === null) return readFileSync(this.#file, 'utf8');
    const stream = this.#stdout.resume();
    for (let poll = 0; poll < polls && !(stream.closed && this.#stderr?.closed !== false); poll += 1) {
      await pause(READ_EVERY_MS);
    }
    stream.destroy();
    return this.#text;
  }

  #listen(stream: Readable): void {
    this.#stdout = stream;
    stream.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
    stream.on('error', () => {});
  }
}

export type DynoOptions = {
  scenario: { role: Scenario['role']; isCpuBusy: boolean; stdout?: Scenario['stdout'] };
  /** Has a copy of bin/ and dist/. */
  installation: string;
  cwd: string;
  environment: Environment;
  /** A dyno that still runs then has failed: it is killed. */
  killAfterMs: number;
};

/** The real binary, started as a platform starts it, and the processes that belong to it. */
export class Dyno {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly ended: Promise<{ end: End; endedAtMs: number }>;
  /** Processes of the dyno have it in their environment. */
  readonly marker = randomUUID();
  readonly #reader: LogReader;
  readonly #supervisor: ChildProcess;
  readonly #seen: Seen;
  readonly #intervals = monitorEventLoopDelay({ resolution: LAG_EVERY_MS });
  readonly #stopLoad: () => void;

  constructor({ scenario, installation, cwd, environment, killAfterMs }: DynoOptions) {
    const { PATH, HOME } = process.env;
    const reader = new LogReader(scenario.stdout ?? 'socket', cwd);
    this.#reader = reader;
    this.#intervals.enable();
    this.#stopLoad = scenario.isCpuBusy ? startCpuLoad() : () => {};
    this.#supervisor = spawn(process.execPath, [join(installation, 'bin/mstdn-supervise.js'), scenario.role], {
      cwd,
      env: { PATH, HOME, LANG: 'C.UTF-8', TEST_DYNO: this.marker, ...environment },
      stdio: ['ignore', reader.stdio, reader.stdio],
      detached: true,
    });
    this.startedAtMs = now();
    reader.attach(this.#supervisor);
    const { pid } = this.#supervisor;
    if (pid === undefined) throw new Error('the dyno did not start');
    this.pid = pid;
    this.#seen = firstSeen(pid);
    const watchdog = setTimeout(() => signalIfAlive(pid, 'SIGKILL'), killAfterMs);
    this.ended = new Promise((resolve) => {
      this.#supervisor.once('exit', (code, signal) => {
        clearTimeout(watchdog);
        resolve({ end: { code, signal }, endedAtMs: now() });
      });
    });
  }

  get isOver(): boolean {
    return this.#supervisor.exitCode !== null || this.#supervisor.signalCode !== null;
  }

  /** How late a timer of this process was so far, at most. */
  get lagMs(): number {
    return Math.max(0, this.#intervals.max / 1e6 - LAG_EVERY_MS);
  }

  processes(): number[] {
    return findDynoPids(this.marker, this.#seen);
  }

  /** Processes that the supervisor itself has started. */
  children(): number[] {
    return processTable().flatMap(({ pid, parent, zombie }) => (parent === this.pid && !zombie ? [pid] : []));
  }

  /** Injects each fault at its time, and `stop` where nothing else has ended the dyno. */
  async injectAll<F extends Fault | RealFault>(
    schedule: readonly Scheduled<F>[],
    stop: Scheduled<F>,
    inject: (fault: F) => number[] | null,
  ): Promise<Injected<F>[]> {
    const inOrder = [...schedule].sort((one, other) => one.atMs - other.atMs);
    const injected: Injected<F>[] = [];
    for (const { atMs, fault } of [...inOrder, stop]) {
      await sleepUntil(this.startedAtMs + atMs, () => this.isOver);
      if (this.isOver) break;
      const fromMs = now();
      const pids = inject(fault);
      if (pids !== null) injected.push({ atMs: fromMs, untilMs: now(), fault, pids });
    }
    return injected;
  }

  /** The pids that the fault reached; null where there was none. */
  inject(fault: DynoFault, pidsOf: (target: Target) => number[]): number[] | null {
    switch (fault.type) {
      case 'stop': {
        const others = fault.target === 'supervisor' ? [] : this.processes().filter((pid) => pid !== this.pid);
        return signalEach(fault.target === 'all' ? [this.pid, ...others] : [...others, this.pid], fault.signal);
      }
      case 'signal':
        return signalEach(pidsOf(fault.target), fault.signal);
      case 'kill':
        return signalEach(pidsOf(fault.target), 'SIGKILL');
      case 'suspend':
      case 'resume':
        return signalEach(pidsOf(fault.target), fault.type === 'suspend' ? 'SIGSTOP' : 'SIGCONT');
      case 'stall-reader':
      case 'resume-reader':
      case 'close-reader':
        return this.#reader.inject(fault.type);
    }
  }

  /** What was seen of a dyno that has ended. polls: for the rest of its output. */
  async seen(polls: number) {
    const reader = this.#reader.state;
    const output = await this.#reader.readAll(polls);
    const { stderr } = this.#reader;
    const nodeWarnings = nodeWarningsIn(output + stderr);
    return { startedAtMs: this.startedAtMs, ...(await this.ended), reader, output, stderr, nodeWarnings };
  }

  /** Kills what is left of the dyno. more: processes that are found in another way. */
  async clear(more: () => readonly number[] = () => []): Promise<void> {
    this.#stopLoad();
    this.#intervals.disable();
    await sleepUntil(now() + CLEARED_WITHIN_MS, () => {
      const left = new Set([...this.processes(), ...more()]);
      for (const pid of left) signalIfAlive(pid, 'SIGKILL');
      return left.size === 0;
    });
  }
}

export function signalEach(pids: readonly number[], signal: NodeJS.Signals): number[] | null {
  const reached = pids.filter((pid) => alive(pid) && signalIfAlive(pid, signal));
  return reached.length > 0 ? reached : null;
}
