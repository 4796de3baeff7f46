import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/host.ts';
import { clock } from '../../src/process/runtime.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';

/** A real pipe with both ends in this process. The test decides when to read. */
export class Pipe {
  readonly fd: number;
  readonly path: string;
  readonly #reader: number;
  readonly #open: Set<number>;
  received = Buffer.alloc(0);

  constructor() {
    this.path = join(tempFolder(), 'pipe');
    execFileSync('mkfifo', [this.path]);
    this.#reader = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.fd = openSync(this.path, 'w');
    this.#open = new Set([this.#reader, this.fd]);
    onTestFinished(() => {
      for (const fd of this.#open) closeSync(fd);
    });
  }

  /** Reads what has arrived, up to `maxBytes`. */
  read(maxBytes = 1_048_576): string {
    const buffer = Buffer.alloc(maxBytes);
    try {
      const bytes = buffer.subarray(0, readSync(this.#reader, buffer));
      this.received = Buffer.concat([this.received, bytes]);
      return bytes.toString();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
      throw error;
    }
  }

  /** Reads until the received text contains `expected`, and returns all of it. */
  async receives(expected: string): Promise<string> {
    return eventually(() => {
      this.read();
      const all = this.received.toString();
      if (!all.includes(expected)) throw new Error(`no ${expected} in ${all.length} characters`);
      return all;
    });
  }

  /** The number of our descriptors of this pipe. */
  get descriptors(): number {
    return readdirSync('/proc/self/fd').filter((fd) => {
      const link = `/proc/self/fd/${fd}`;
      return existsSync(link) && readlinkSync(link) === this.path; // the descriptor of the folder itself is closed by now
    }).length;
  }

  /** Closes the reading end. */
  closeReader(): void {
    closeSync(this.#reader);
    this.#open.delete(this.#reader);
  }
}

/** The status flags of the open file, which all processes that share it have in common. */
export function flagsOf(fd: number): number {
  const [, flags = ''] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
  return parseInt(flags, 8);
}

/** The real clock, which counts its timers. */
export class CountingClock implements Clock {
  pending = 0;
  started = 0;

  now(): number {
    return clock.now();
  }

  after(ms: number, run: () => void): () => void {
    this.pending += 1;
    this.started += 1;
    let isPending = true;
    const done = (): void => {
      if (isPending) this.pending -= 1;
      isPending = false;
    };
    const cancel = clock.after(ms, () => {
      done();
      run();
    });
    return () => {
      done();
      cancel();
    };
  }
}
