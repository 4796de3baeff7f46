import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { End } from '../harness/dyno.ts';
import { alive, firstSeen, findDynoPids, processTable, signalIfAlive, type Seen } from '../harness/processes.ts';
import type { History, RequestRecord } from './history.ts';
import { now, sleepUntil, type Environment } from './sandbox.ts';
import type { Fault, ProcessFault, ReaderFault, RealFault, RequestKind, Scenario, Target } from './scenario.ts';

const READ_EVERY_MS = 10;
const CLEARED_WITHIN_MS = 5000;

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

  constructor(kind: Scenario['stdout'], { folder, fifo }: { folder: string; fifo: string }) {
    this.#file = join(folder, 'log');
    if (kind === 'socket') this.stdio = 'pipe';
    else if (kind === 'file') this.stdio = openSync(this.#file, 'a');
    else {
      this.#listen(new Socket({ fd: openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK), readable: true }));
      this.stdio = openSync(fifo, constants.O_WRONLY);
    }
  }

  /** Of a socket, the harness has the other end; of a pipe or file, the child now holds its own descriptor. */
  attach({ stdout, stderr }: ChildProcess): void {
    if (this.stdio !== 'pipe') return closeSync(this.stdio);
    if (stdout !== null) this.#listen(stdout);
    this.#stderr = stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text)) ?? null;
  }

  /** Null where there is nothing to stall or close. */
  inject({ type }: ReaderFault): [] | null {
    if (this.#stdout === null || this.state === 'closed') return null;
    this.state = ({ 'stall-reader': 'stalled', 'resume-reader': 'reading', 'close-reader': 'closed' } as const)[type];
    if (type === 'stall-reader') this.#stdout.pause();
    else if (type === 'resume-reader') this.#stdout.resume();
    else this.#stdout.destroy();
    return [];
  }

  /** All output, once no process holds the other end, or after this many polls. A time limit could expire before the first poll
   * when this process is not scheduled. */
  async readAll(polls: number): Promise<string> {
    if (this.#stdout === null) return readFileSync(this.#file, 'utf8');
    const stream = this.#stdout.resume();
    for (let poll = 0; poll < polls && !(stream.closed && this.#stderr?.closed !== false); poll += 1) {
      await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS));
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
  role: Scenario['role'];
  /** Has a copy of bin/ and dist/. */
  installation: string;
  cwd: string;
  environment: Environment;
  reader: LogReader;
  /** A dyno that still runs then has failed: it is killed. */
  killAfterMs: number;
};

/** When a fault was injected, and which processes it reached. */
type Injected<F> = { atMs: number; untilMs: number; fault: F; pids: readonly number[] };

/** The real binary, started as a platform starts it, and the processes that belong to it. */
export class Dyno {
  readonly reader: LogReader;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly ended: Promise<{ end: End; endedAtMs: number }>;
  /** Processes of the dyno have it in their environment. */
  readonly marker = randomUUID();
  readonly #supervisor: ChildProcess;
  readonly #seen: Seen;

  constructor({ role, installation, cwd, environment, reader, killAfterMs }: DynoOptions) {
    const { PATH, HOME } = process.env;
    this.reader = reader;
    this.#supervisor = spawn(process.execPath, [join(installation, 'bin/mstdn-supervise.js'), role], {
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

  /** Its living processes. */
  processes(): number[] {
    return findDynoPids(this.marker, this.#seen);
  }

  /** Processes that the supervisor itself has started. */
  children(): number[] {
    return processTable().flatMap(({ pid, parent, zombie }) => (parent === this.pid && !zombie ? [pid] : []));
  }

  /** Injects each fault at its time, and `stop` where nothing else has ended the dyno. */
  async injectAll<F extends Fault | RealFault>(
    schedule: readonly { atMs: number; fault: F }[],
    stop: { atMs: number; fault: F },
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
  inject<T extends Target>(fault: ProcessFault<T>, pidsOf: (target: T) => number[]): number[] | null {
    switch (fault.type) {
      case 'stop': {
        const others = fault.target === 'supervisor' ? [] : this.processes().filter((pid) => pid !== this.pid);
        return signalEach(fault.target === 'all' ? [this.pid, ...others] : [...others, this.pid], fault.signal);
      }
      case 'signal':
        return signalEach(pidsOf(fault.target), fault.signal);
      case 'kill':
      case 'suspend':
      case 'resume': {
        const signals = { kill: 'SIGKILL', suspend: 'SIGSTOP', resume: 'SIGCONT' } as const;
        return signalEach(pidsOf(fault.target), signals[fault.type]);
      }
      case 'stall-reader':
      case 'resume-reader':
      case 'close-reader':
        return this.reader.inject(fault);
    }
  }

  /** Kills what is left of the dyno. more: processes that are found in another way. */
  async clear(more: () => readonly number[] = () => []): Promise<void> {
    await sleepUntil(now() + CLEARED_WITHIN_MS, () => {
      const left = new Set([...this.processes(), ...more()]);
      for (const pid of left) signalIfAlive(pid, 'SIGKILL');
      return left.size === 0;
    });
  }
}

/** The pids that the signal reached; null where it reached none. */
export function signalEach(pids: readonly number[], signal: NodeJS.Signals): number[] | null {
  const reached = pids.filter((pid) => alive(pid) && signalIfAlive(pid, signal));
  return reached.length > 0 ? reached : null;
}

const PATHS: { [kind in RequestKind]: string } = {
  echo: '/echo',
  slow: '/slow',
  big: '/big',
  post: '/post',
  stream: '/api/v1/streaming/user',
  upgrade: '/upgrade',
};
const POSTED = `${'.'.repeat(100_000)}the end.`;

/** One request on a connection of its own. */
export function sendRequest(port: number, kind: RequestKind, id: string, giveUp: AbortSignal): Promise<RequestRecord> {
  const sentAtMs = now();
  return new Promise((resolve) => {
    const end = (result: RequestRecord['result']): void =>
      resolve({ request: kind, id, sentAtMs, endedAtMs: now(), result });
    const headers = { 'X-Request-Id': id, ...(kind === 'upgrade' ? { Connection: 'Upgrade', Upgrade: 'x' } : {}) };
    const method = kind === 'post' ? 'POST' : 'GET';
    const client = request({ port, host: '127.0.0.1', path: PATHS[kind], method, headers, agent: false });
    client.on('response', (response) => void resultOf(kind, id, response).then(end));
    client.on('error', () => end('connection-failed'));
    giveUp.addEventListener('abort', () => (end('timeout'), client.destroy()), { once: true });
    client.end(kind === 'post' ? POSTED : undefined);
  });
}

async function resultOf(kind: RequestKind, id: string, response: IncomingMessage): Promise<RequestRecord['result']> {
  let body = '';
  response.setEncoding('utf8').on('data', (text: string) => (body += text));
  response.on('error', () => {});
  await new Promise((resolve) => response.once('close', resolve));
  const status = response.statusCode ?? 0;
  const isCorrect = status === 200 && response.headers['x-echo'] === id && body === expectedBody(kind, id);
  return { status, isComplete: response.complete, isCorrect };
}

function expectedBody(kind: RequestKind, id: string): string {
  switch (kind) {
    case 'echo':
    case 'upgrade':
      return `echo ${id}`;
    case 'slow':
      return `slow ${id} ${'x'.repeat(2000)}`;
    case 'big':
      return `${id} `.repeat(20_000);
    case 'post':
      return `post ${id} ${POSTED.length} the end.`;
    case 'stream':
      return [4, 3, 2, 1].map((left) => `data: ${id} ${left}\n\n`).join('');
  }
}
