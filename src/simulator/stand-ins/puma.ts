// A stand-in for puma with Mastodon: drains on TERM, then ends by that signal.
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openPool, poolSize } from './database.ts';
import { options } from './env-options.ts';
import { bindSocket, type BoundSocket } from './http-server.ts';
import { MemoryBallast, openControlSocket } from './memory.ts';
import { createAppServer, onRestartSignal, printGoodbye, printHeader, printRestart, runSingle } from './puma-server.ts';
import { killSelf, writeLine } from './write-line.ts';

/** The file descriptor of the master's socket in a worker. */
const SOCKET_FD = 4;
/** Memory shares of single mode: a master has 152 MB and a worker 105 MB where single mode has 190 MB
 * (plan/resources.ts). Real workers share pages with the master; these are separate processes. */
const MEMORY_SHARES = { master: 0.8, worker: 0.55 };
/** puma's worker_shutdown_timeout. */
const WORKER_STOP_MS = 30_000;

/** Runs a master with its workers. */
async function runCluster(workers: number, threads: number): Promise<void> {
  printHeader('cluster', threads, workers);
  // Until here a signal ends the process at once, as it ends a ruby that is still loading the app.
  await new MemoryBallast().allocate(options.pumaBytes * MEMORY_SHARES.master, options.bootMs);
  const master = new Master(await bindSocket(3000), workers, threads);
  master.start();
}

class Master {
  readonly #socket: BoundSocket;
  readonly #threads: number;
  readonly #workers: number;
  readonly #children = new Map<number, ChildProcess>();
  readonly #closeControlSocket: () => void;
  #isListening = false;
  /** Called when no worker is left. Unset while serving. */
  #onWorkersEnded: (() => void) | undefined;

  constructor(socket: BoundSocket, workers: number, threads: number) {
    this.#socket = socket;
    this.#workers = workers;
    this.#threads = threads;
    this.#closeControlSocket = openControlSocket();
  }

  start(): void {
    process.title = `puma 8.0.0 (${this.#socket.address}) [stand-in]`;
    process.on('SIGTERM', () => this.#stop(() => killSelf('SIGTERM')));
    for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => this.#stop(() => undefined));
    onRestartSignal(() => this.#restart());
    this.#spawnAll();
  }

  /** The first call decides how the process ends. A second TERM is harmless. */
  #stop(onEnd: () => void): void {
    if (this.#onWorkersEnded !== undefined) return;
    this.#socket.close();
    printGoodbye();
    this.#endWorkers(() => {
      this.#closeControlSocket();
      onEnd();
    });
  }

  #restart(): void {
    if (this.#onWorkersEnded !== undefined) return;
    this.#endWorkers(() => {
      printRestart('cluster', this.#socket.address, this.#threads, this.#workers);
      this.#onWorkersEnded = undefined;
      this.#spawnAll();
    });
  }

  #endWorkers(onEnd: () => void): void {
    writeLine('- Gracefully shutting down workers...');
    this.#onWorkersEnded = onEnd;
    for (const worker of this.#children.values()) {
      worker.kill('SIGTERM');
      setTimeout(() => worker.kill('SIGKILL'), options.scale(WORKER_STOP_MS)).unref();
    }
    if (this.#children.size === 0) onEnd();
  }

  #spawnAll(): void {
    for (let index = 0; index < this.#workers; index++) this.#spawn(index);
  }

  #spawn(index: number): void {
    const since = performance.now();
    const worker = fork(fileURLToPath(import.meta.url), ['--cluster-worker', String(index), ...process.argv.slice(2)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', this.#socket.fd],
    });
    this.#children.set(index, worker);
    worker.once('message', () => {
      this.#printListening();
      const seconds = ((performance.now() - since) / 1000).toFixed(2);
      writeLine(`- Worker ${index} (PID: ${String(worker.pid)}) booted in ${seconds}s, phase: 0`);
    });
    worker.once('exit', () => {
      this.#children.delete(index);
      if (this.#onWorkersEnded === undefined) this.#spawn(index);
      else if (this.#children.size === 0) this.#onWorkersEnded();
    });
  }

  /** Logged when the first worker listens. The real master logs it before it forks, because its own socket listens
   * already. */
  #printListening(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    writeLine(`* Listening on ${this.#socket.address}\nUse Ctrl-C to stop`);
  }
}

/** One worker of a cluster. Serves on the master's socket, drains on TERM, then exits 0. */
async function runWorker(index: number, threads: number): Promise<void> {
  process.title = `puma: cluster worker ${index}: ${process.ppid} [stand-in]`;
  const server = createAppServer();
  let isDone = false;
  const finish = (): void => {
    isDone = true;
    process.disconnect();
  };
  process.on('disconnect', () => {
    if (isDone) return;
    writeLine('! Detected parent died, dying');
    killSelf('SIGKILL'); // at once, even with open requests: no parent is left to wait for
  });
  await new MemoryBallast().allocate(options.pumaBytes * MEMORY_SHARES.worker, 0);
  for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  process.on('SIGTERM', () => server.listening && server.close(finish));
  server.listen({ fd: SOCKET_FD }, () => {
    openControlSocket();
    openPool(poolSize(threads));
    process.send?.('booted');
  });
}

/** worker: the number of this worker process, null in the first process. */
type PumaOptions = { workers: number; threads: number; worker: number | null };

/** Reads the command line and the variables of Mastodon's config/puma.rb. An unknown option or a missing file exits
 * with 1. */
function readOptions(): PumaOptions {
  const { values } = parseArgs({
    options: {
      config: { type: 'string', short: 'C' },
      port: { type: 'string', short: 'p' },
      workers: { type: 'string', short: 'w' },
      threads: { type: 'string', short: 't' },
      environment: { type: 'string', short: 'e' },
      tag: { type: 'string' },
      'cluster-worker': { type: 'string' },
    },
  });
  if (values.config !== undefined && values.config !== '-' && !existsSync(values.config))
    throw new Error(`No such file or directory @ rb_sysopen - ${values.config}`);
  if (values.port !== undefined) process.env.PORT = values.port;
  const worker = values['cluster-worker'];
  return {
    workers: integer(values.workers ?? process.env.WEB_CONCURRENCY ?? '2'),
    threads: integer(values.threads?.split(':').at(-1) ?? (process.env.MAX_THREADS || '5')),
    worker: worker === undefined ? null : Number(worker),
  };
}

/** Like ruby's to_i: 0 for text that is not a number. */
function integer(text: string): number {
  return Math.max(0, Number.parseInt(text, 10) || 0);
}

const { workers, threads, worker } = readOptions();
if (worker !== null) await runWorker(worker, threads);
else if (workers > 0) await runCluster(workers, threads);
else await runSingle(threads);
