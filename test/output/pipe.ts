import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/host.ts';
import { clock } from '../../src/process/clock.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';

/** A real pipe, both ends ours; read when the test says so. */
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

  /** What is there now, at most so much. */
  read(atMost = 1_048_576): string {
    const buffer = Buffer.alloc(atMost);
    try {
      const bytes = buffer.subarray(0, readSync(this.#reader, buffer));
      this.received = Buffer.concat([this.received, bytes]);
      return bytes.toString();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
      throw error;
    }
  }

  /** Reads on until all that came holds it. */
  async receives(what: string): Promise<string> {
    return eventually(() => {
      this.read();
      const all = this.received.toString();
      if (!all.includes(what)) throw new Error(`${what} has not come, but ${all.length} characters`);
      return all;
    });
  }

  /** How many of ours lead to it now. */
  get descriptors(): number {
    return readdirSync('/proc/self/fd').filter((fd) => {
      const link = `/proc/self/fd/${fd}`;
      return existsSync(link) && readlinkSync(link) === this.path; // that of the folder itself is gone by now
    }).length;
  }

  /** The reader goes. */
  hangUp(): void {
    closeSync(this.#reader);
    this.#open.delete(this.#reader);
  }
}

/** The flags of the description behind a descriptor, which everybody who shares it has. */
export function flagsOf(fd: number): number {
  const [, flags = ''] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
  return parseInt(flags, 8);
}

/** The real clock, which knows how many of its timers are left. */
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
