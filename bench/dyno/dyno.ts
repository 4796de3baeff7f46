// One dyno: the shell line, or the supervisor in its place, in a session of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { root } from '../../scripts/quietly.js';
import { onCleanup } from '../cleanup.ts';
import type { Instance } from './instance.ts';
import { DynoProcesses, dynoEnvironment, exitOf } from './processes.ts';
import type { ProcessExit } from './processes.ts';

export type DynoCommand = { name: string; command: readonly string[] };
/** A line of the supervisor's JSON log, with the time of its arrival. */
export type LogEntry = { event?: string; msg?: string; child?: string; process?: string; atMs: number };

/** As published, after its .profile, without the `sleep 25` that would only make each run longer. */
const SHELL_LINE = `trap '' SIGTERM
if [ "$RUN_STREAMING" != "true" ]; then BIND=0.0.0.0 puma -C config/puma.rb & fi; if [ "$RUN_WORKER" == "true" ]; then sidekiq -c \${SIDEKIQ_THREADS:-5} & fi; if [ "$RUN_STREAMING" == "true" ]; then BIND=0.0.0.0 node ./streaming & fi; wait -n; kill -SIGTERM -$$; wait`;

export const SHELL: DynoCommand = { name: 'the shell line', command: ['bash', '-c', SHELL_LINE] };
export const SUPERVISOR_SCRIPT = join(root, 'bin/mstdn-supervise.js');
export const SUPERVISOR: DynoCommand = {
  name: 'mstdn-supervise',
  command: [process.execPath, SUPERVISOR_SCRIPT, 'web'],
};

const KEPT_LINES = 200;

export class Dyno {
  readonly child: ChildProcess;
  readonly processes: DynoProcesses;
  readonly ended: Promise<ProcessExit>;
  /** The last lines of all processes, for an error message. */
  readonly lines: string[] = [];
  readonly #log: LogEntry[];

  /** Appends what the supervisor logs to `log`. */
  constructor(command: readonly string[], { folder, env }: Pick<Instance, 'folder' | 'env'>, log: LogEntry[] = []) {
    const marker = randomUUID();
    const [file = '', ...args] = command;
    const child = spawn(file, args, {
      cwd: folder,
      env: dynoEnvironment(marker, env),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child = child;
    this.#log = log;
    this.processes = new DynoProcesses(child, marker);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => this.#take(line));
    }
    this.ended = exitOf(child);
    onCleanup(() => this.kill());
  }

  /** Sends SIGKILL to every process, as the platform does. Returns when none is left. */
  kill(): void {
    this.processes.kill();
  }

  #take(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    if (!line.startsWith('{"level":')) return;
    const entry = JSON.parse(line) as LogEntry;
    this.#log.push({ ...entry, atMs: performance.now() });
  }
}
