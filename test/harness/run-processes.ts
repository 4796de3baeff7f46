import { existsSync } from 'node:fs';
import { commandLine, environment, kinOf, signalIfAlive, type Row, type Seen } from './processes.ts';

/** What a kill may take: half a second. */
const [ROUNDS, ROUND_MS] = [100, 5];

/**
 * The processes of this test run: those with the mark in their environment, and what descends from them. Looks each
 * second, since puma overwrites its environment, and nobody can tell where a process came from whose parent is gone.
 */
export class RunProcesses {
  readonly #mark: string;
  readonly #seen: Seen;

  /** seen: by looks before. */
  constructor(mark: string, seen: Seen = new Map()) {
    this.#mark = mark;
    this.#seen = seen;
    setInterval(() => this.#look(), 1000).unref();
  }

  /** Those alive, with what tells whose they are; without Vitest's workers, which are children of this process. */
  left(): string[] {
    const left = this.#look().filter((row) => row.parent !== process.pid);
    return left.map(({ pid, parent, session }) => {
      const dyno = environment(pid).find((variable) => variable.startsWith('TEST_DYNO=')) ?? 'of no dyno';
      return `process ${pid} ${commandLine(pid)} (${dyno}, parent ${parent}, session ${session})`;
    });
  }

  /** Workers included: an interrupted Vitest leaves them to themselves. Again and again, since who is killed may have forked. */
  kill(): void {
    for (let round = 0; round < ROUNDS; round += 1) {
      const rows = this.#look();
      if (rows.length === 0) return;
      for (const { pid } of rows) signalIfAlive(pid, 'SIGKILL');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ROUND_MS);
    }
  }

  #look(): Row[] {
    if (!existsSync('/proc/self')) return [];
    return kinOf(this.#seen, (pid) => environment(pid).some((variable) => variable.includes(this.#mark)));
  }
}
