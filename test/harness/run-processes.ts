import { existsSync } from 'node:fs';
import { commandLine, environment, processTable, signalIfAlive } from './processes.ts';

/** What a kill may take: half a second. */
const [ROUNDS, ROUND_MS] = [100, 5];

type Row = ReturnType<typeof processTable>[number];

/**
 * The processes of this test run: those with the mark in their environment, and what descends from them. Looks each
 * second, since puma overwrites its environment, and nobody can tell where a process came from whose parent is gone.
 */
export class RunProcesses {
  readonly #mark: string;
  readonly #seen: Map<number, { started: string; ours: boolean }>;

  /** seen: by looks before. */
  constructor(mark: string, seen = new Map<number, { started: string; ours: boolean }>()) {
    this.#mark = mark;
    this.#seen = seen;
    setInterval(() => this.#look(), 1000).unref();
  }

  /** Those alive, with their command lines; without Vitest's workers, which are children of this process. */
  left(): string[] {
    const left = this.#look().filter((row) => row.parent !== process.pid);
    return left.map(({ pid }) => `process ${pid} ${commandLine(pid)}`);
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
    const rows = existsSync('/proc/self') ? processTable() : [];
    for (const row of rows) {
      if (this.#seen.get(row.pid)?.started === row.started) continue;
      this.#seen.set(row.pid, { started: row.started, ours: this.#isOurs(row) });
    }
    return rows.filter((row) => this.#seen.get(row.pid)?.ours && !row.zombie);
  }

  #isOurs({ pid, parent, session }: Row): boolean {
    if ([parent, session].some((id) => this.#seen.get(id)?.ours)) return true;
    return environment(pid).some((variable) => variable.includes(this.#mark));
  }
}
