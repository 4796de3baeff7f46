import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Stage } from './stage.ts';
import type { Story } from './story.ts';

const LOOK_EVERY_MS = 10;

/** Who reads the dyno's output, and may stall or go away. A file is read by nobody before the end. */
export class Reader {
  is: 'reads' | 'stalls' | 'closed' = 'reads';
  readonly fd: number | 'pipe';
  readonly #file: string;
  #stream: Readable | null = null;
  #stderr: Readable | null = null;
  #text = '';
  /** What came on stderr, where that is not the same as stdout. */
  apart = '';

  constructor(kind: Story['stdout'], stage: Stage) {
    this.#file = join(stage.folder, 'log');
    if (kind === 'socket') this.fd = 'pipe';
    else if (kind === 'file') this.fd = openSync(this.#file, 'a');
    else {
      this.#listen(new Socket({ fd: openSync(stage.fifo, constants.O_RDONLY | constants.O_NONBLOCK), readable: true }));
      this.fd = openSync(stage.fifo, constants.O_WRONLY);
    }
  }

  /** The dyno has its end; where that is a socket, ours is this. */
  started({ stdout, stderr }: ChildProcess): void {
    if (this.fd !== 'pipe') return closeSync(this.fd);
    if (stdout !== null) this.#listen(stdout);
    this.#stderr = stderr?.setEncoding('utf8').on('data', (text: string) => (this.apart += text)) ?? null;
  }

  /** False where there is nothing to stall or close. */
  turn(to: 'stall' | 'read' | 'close'): boolean {
    if (this.#stream === null || this.is === 'closed') return false;
    this.is = ({ stall: 'stalls', read: 'reads', close: 'closed' } as const)[to];
    if (to === 'stall') this.#stream.pause();
    else if (to === 'read') this.#stream.resume();
    else this.#stream.destroy();
    return true;
  }

  /** Everything that was written and could be read, once nobody holds the other end any more, or after so many looks. A time would be
   * over before the first of them where our loop stands still. */
  async text(looks: number): Promise<string> {
    if (this.#stream === null) return readFileSync(this.#file, 'utf8');
    const stream = this.#stream.resume();
    for (let look = 0; look < looks && !(stream.closed && this.#stderr?.closed !== false); look += 1) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    stream.destroy();
    return this.#text;
  }

  #listen(stream: Readable): void {
    this.#stream = stream;
    stream.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
    stream.on('error', () => {});
  }
}
