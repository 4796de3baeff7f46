import type { Readable } from 'node:stream';
import { DynoOutput } from './watch/dyno-output.ts';
import type { LogPace } from './view.ts';

/** A slow reader takes a chunk (64 KiB at most) that often. */
const SLOW_MS = 1000;

/** The platform's end of what a dyno prints: reads it as fast as it is told, so that a pipe can fill up. */
export class LogReader {
  readonly #print: (line: string) => void;
  #streams: readonly Readable[] = [];
  #pace: LogPace;
  #timer: NodeJS.Timeout | undefined;

  constructor(pace: LogPace, print: (line: string) => void) {
    this.#pace = pace;
    this.#print = print;
  }

  read(streams: readonly Readable[]): void {
    this.#streams = streams;
    for (const stream of streams) {
      const output = new DynoOutput();
      stream.on('data', (bytes: Buffer) => {
        for (const line of output.feed(bytes)) this.#print(line);
        if (this.#pace !== 'full') stream.pause();
      });
      stream.once('close', () => {
        for (const line of output.end()) this.#print(line);
      });
    }
    this.pace(this.#pace);
  }

  pace(pace: LogPace): void {
    this.#pace = pace;
    clearInterval(this.#timer);
    if (pace === 'stalled') return this.#each((stream) => stream.pause());
    this.#each((stream) => stream.resume());
    if (pace === 'slow') this.#timer = setInterval(() => this.#each((stream) => stream.resume()), SLOW_MS).unref();
  }

  /** Reads what is left, however slow it was told to be: nobody prints any more. */
  async finish(): Promise<void> {
    this.pace('full');
    await Promise.all(this.#streams.map((stream) => ended(stream)));
  }

  #each(act: (stream: Readable) => void): void {
    for (const stream of this.#streams) if (!stream.readableEnded) act(stream);
  }
}

function ended(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else for (const name of ['close', 'error']) stream.once(name, () => resolve());
  });
}
