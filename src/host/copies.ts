import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Cancel, Clock } from './host.ts';
import type { Output } from './output.ts';
import { copyWithPrefix } from './prefix.ts';

/** The outputs of the children on their way to ours, line by line, each with the child's name before it. */
export class Copies {
  readonly #clock: Clock;
  readonly #copies = new Map<Readable, Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(name: string, { stdout, stderr }: ChildProcess, to: { stdout: Output; stderr: Output }): void {
    if (stdout) this.#copy(stdout, name, to.stdout);
    if (stderr) this.#copy(stderr, name, to.stderr);
  }

  /** How many are still open: what a child left behind may hold its pipe open after its end. */
  get size(): number {
    return this.#copies.size;
  }

  /** Waits for their last lines, this long, and lets go of them. */
  async close(atMostMs: number): Promise<void> {
    let cancel: Cancel = () => {};
    const timeOver = new Promise<void>((resolve) => (cancel = this.#clock.after(atMostMs, resolve)));
    await Promise.race([Promise.all(this.#copies.values()), timeOver]);
    cancel();
    for (const stream of this.#copies.keys()) stream.destroy();
  }

  /** Forgotten when it has ended: a child that is recycled for weeks has many. */
  #copy(stream: Readable, name: string, output: Output): void {
    this.#copies.set(
      stream,
      copyWithPrefix(stream, name, output).then(() => void this.#copies.delete(stream)),
    );
  }
}
