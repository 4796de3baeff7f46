import { existsSync } from 'node:fs';
import { commandLine, environment, findRelated, signalIfAlive, type Row, type Seen } from './processes.ts';

/** Killing takes half a second at most. */
const [KILL_ROUNDS, KILL_ROUND_MS] = [100, 5];

/**
 * The processes of this test run: those with the marker in their environment, and their descendants. Scans every second, because puma
 * overwrites its environment, and the origin of a process is unknown once its parent has exited.
 */
export class RunProcesses {
  readonly #marker: string;
  readonly #seen: Seen;

  /** seen: the processes of earlier scans. */
  constructor(marker: string, seen: Seen = new Map()) {
    this.#marker = marker;
    this.#seen = seen;
    setInterval(() => this.#scan(), 1000).unref();
  }

  /** Describes the living processes, without Vitest's workers, which are children of this process. */
  describeLiving(): string[] {
    const living = this.#scan().filter((row) => row.parent !== process.pid);
    return living.map(({ pid, parent, session }) => {
      const dyno = environment(pid).find((variable) => variable.startsWith('TEST_DYNO=')) ?? 'of no dyno';
      return `process ${pid} ${commandLine(pid)} (${dyno}, parent ${parent}, session ${session})`;
    });
  }

  /** Kills all processes, workers included: an interrupted Vitest does not end them. Repeats, because a killed process may have forked. */
  kill(): void {
    for (let round = 0; round < KILL_ROUNDS; round += 1) {
      const rows = this.#scan();
      if (rows.length === 0) return;
      for (const { pid } of rows) signalIfAlive(pid, 'SIGKILL');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, KILL_ROUND_MS);
    }
  }

  #scan(): Row[] {
    if (!existsSync('/proc/self')) return [];
    return findRelated(this.#seen, (pid) => environment(pid).some((variable) => variable.includes(this.#marker)));
  }
}
