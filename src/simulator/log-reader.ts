import type { Readable } from 'node:stream';
import { DynoOutput } from './watch/dyno-output.ts';
import type { LogPace } from './view.ts';

/** Who still holds the pipe when all of the dyno has ended gets so long; what nobody can end is given up after the other. */
const LATE_MS = 300;
const GIVE_UP_MS = 2000;
/** A slow reader takes a chunk (64 KiB at most) that often. */
const SLOW_MS = 1000;

/** The platform's end of what a dyno prints: reads it as fast as it is told, so that a pipe can fill up. */
export class LogReader {
  readonly #stream: Readable;
  #pace: LogPace;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Readable, pace: LogPace, print: (line: string) => void) {
    this.#stream = stream;
    this.#pace = pace;
    const output = new DynoOutput();
    stream.on('data', (bytes: Buffer) => {
      for (const line of output.feed(bytes)) print(line);
      if (this.#pace !== 'full') stream.pause();
    });
    stream.once('close', () => {
      for (const line of output.end()) print(line);
    });
    stream.on('error', () => stream.destroy());
    this.pace(pace);
  }

  pace(pace: LogPace): void {
    this.#pace = pace;
    clearInterval(this.#timer);
    if (pace === 'stalled') this.#stream.pause();
    else this.#stream.resume();
    if (pace === 'slow') this.#timer = setInterval(() => this.#stream.resume(), SLOW_MS).unref();
  }

  /** Reads what is left, however slow it was told to be: nobody prints any more. late: somebody could still print. */
  async finish(late: () => void): Promise<void> {
    this.pace('full');
    if (this.#stream.closed) return;
    const timers = [setTimeout(late, LATE_MS), setTimeout(() => this.#stream.destroy(), GIVE_UP_MS)];
    await new Promise<void>((resolve) => this.#stream.once('close', resolve));
    for (const timer of timers) clearTimeout(timer);
  }
}
