import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Ballast } from './ballast.ts';
import { bindSocket, type BoundSocket } from './bound-socket.ts';
import { takeCommands } from './control.ts';
import { dieBy } from './die-by.ts';
import { knobs } from './knobs.ts';
import { goodbye, header } from './puma-words.ts';
import { say } from './say.ts';

/** Which file descriptor of a worker is the socket of the master. */
export const SOCKET_FD = 4;
/** Of what a puma in single mode holds: a master has 152 MB and a worker 105 MB where that has 190 MB (plan/footprints.ts).
 * The real ones share pages; these, processes of their own, do not. */
export const SHARES = { master: 0.8, worker: 0.55 };
/** puma's worker_shutdown_timeout. */
const WORKER_STOP_MS = 30_000;

/** A master and its workers. */
export async function cluster(workers: number, threads: number): Promise<void> {
  header('cluster', threads, workers);
  // A signal that comes before this line ends it at once, as it ends a ruby that still loads the app.
  await new Ballast().take(knobs.pumaBytes * SHARES.master, knobs.bootMs);
  const master = new Master(await bindSocket(3000), workers, threads);
  master.start();
}

class Master {
  readonly #socket: BoundSocket;
  readonly #threads: number;
  readonly #workers: number;
  readonly #living = new Map<number, ChildProcess>();
  readonly #noCommands: () => void;
  #isListening = false;
  /** What to do once no worker is left; unset while it serves. */
  #afterwards: (() => void) | undefined;

  constructor(socket: BoundSocket, workers: number, threads: number) {
    this.#socket = socket;
    this.#workers = workers;
    this.#threads = threads;
    this.#noCommands = takeCommands();
  }

  start(): void {
    process.title = `puma 8.0.0 (${this.#socket.address}) [stand-in]`;
    process.on('SIGTERM', () => this.#stop(() => dieBy('SIGTERM')));
    for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => this.#stop(() => undefined));
    process.on('SIGUSR1', () => {
      say('* phased-restart called but not available, restarting normally.');
      this.#restart();
    });
    process.on('SIGUSR2', () => this.#restart());
    this.#spawnAll();
  }

  /** Only the first of several calls decides how it ends: a second TERM is harmless. */
  #stop(ended: () => void): void {
    if (this.#afterwards !== undefined) return;
    this.#socket.close();
    goodbye();
    this.#endWorkers(() => {
      this.#noCommands();
      ended();
    });
  }

  /** The real one executes itself anew with the same pid and the same listening socket. */
  #restart(): void {
    if (this.#afterwards !== undefined) return;
    this.#endWorkers(() => {
      say('* Restarting...');
      header('cluster', this.#threads, this.#workers);
      say(`* Inherited ${this.#socket.address}\nUse Ctrl-C to stop`);
      this.#afterwards = undefined;
      this.#spawnAll();
    });
  }

  #endWorkers(afterwards: () => void): void {
    say('- Gracefully shutting down workers...');
    this.#afterwards = afterwards;
    for (const worker of this.#living.values()) {
      worker.kill('SIGTERM');
      setTimeout(() => worker.kill('SIGKILL'), knobs.scaledMs(WORKER_STOP_MS)).unref();
    }
    if (this.#living.size === 0) afterwards();
  }

  #spawnAll(): void {
    for (let index = 0; index < this.#workers; index++) this.#spawn(index);
  }

  #spawn(index: number): void {
    const since = performance.now();
    const worker = fork(fileURLToPath(import.meta.url), ['--cluster-worker', String(index), ...process.argv.slice(2)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', this.#socket.fd],
    });
    this.#living.set(index, worker);
    worker.once('message', () => {
      this.#sayListening();
      const seconds = ((performance.now() - since) / 1000).toFixed(2);
      say(`- Worker ${index} (PID: ${String(worker.pid)}) booted in ${seconds}s, phase: 0`);
    });
    worker.once('exit', () => {
      this.#living.delete(index);
      if (this.#afterwards === undefined) this.#spawn(index);
      else if (this.#living.size === 0) this.#afterwards();
    });
  }

  /** The real master says so before it forks: its socket listens by itself, ours when the first worker takes it. */
  #sayListening(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    say(`* Listening on ${this.#socket.address}\nUse Ctrl-C to stop`);
  }
}
