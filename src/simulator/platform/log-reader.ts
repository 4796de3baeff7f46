import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, realpathSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { readProcesses } from '../../linux/processes.ts';
import type { LogPace } from '../action.ts';
import { openFilesOf } from './process-tree.ts';
import { MAX_LINE_BYTES } from './rules.ts';

/** After the dyno has exited, processes that still hold its pipe are killed after the first delay. The pipe is closed
 * after the second. */
const KILL_HOLDERS_AFTER_MS = 300;
const GIVE_UP_MS = 2000;
/** A slow reader takes one chunk (at most 64 KiB) per interval. */
const SLOW_MS = 1000;

/** Reads a dyno's output at a given pace, so that the pipe can fill up. */
export class LogReader {
  readonly #stream: Readable;
  #pace: LogPace;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Readable, pace: LogPace, print: (line: string) => void) {
    this.#stream = stream;
    this.#pace = pace;
    const output = new LineSplitter();
    stream.on('data', (bytes: Buffer) => {
      for (const line of output.push(bytes)) print(line);
      if (this.#pace !== 'full') stream.pause();
    });
    stream.once('close', () => {
      for (const line of output.end()) print(line);
    });
    stream.on('error', () => stream.destroy());
    this.setPace(pace);
  }

  setPace(pace: LogPace): void {
    this.#pace = pace;
    clearInterval(this.#timer);
    if (pace === 'stalled') this.#stream.pause();
    else this.#stream.resume();
    if (pace === 'slow') this.#timer = setInterval(() => this.#stream.resume(), SLOW_MS).unref();
  }

  /** Reads the rest at full pace after the dyno has exited. onLate is called if a process still holds the pipe. */
  async finish(onLate: () => void): Promise<void> {
    this.setPace('full');
    if (this.#stream.closed) return;
    const timers = [setTimeout(onLate, KILL_HOLDERS_AFTER_MS), setTimeout(() => this.#stream.destroy(), GIVE_UP_MS)];
    await new Promise<void>((resolve) => this.#stream.once('close', resolve));
    for (const timer of timers) clearTimeout(timer);
  }
}

type LogPipe = {
  output: Readable;
  input: number;
  /** Closes the writing end here, after the dyno has inherited it. */
  closeInput: () => void;
  /** Other processes that hold the pipe open. Needs /proc. */
  holders: () => number[];
};

/** Opens a kernel pipe for stdout and stderr, as the platform does. Node's own `pipe` is a socket: it buffers more and
 * cannot be opened as /dev/stdout. folder: for the pipe's temporary name.
 * @throws Error if there is no space, no descriptor or no process left for it */
export function openPipe(folder: string): LogPipe {
  const path = join(folder, 'log');
  const { error, status, stderr } = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`cannot create the log pipe with mkfifo: ${error.message}`);
  if (status !== 0) throw new Error(`cannot create the log pipe: ${stderr.trim()}`);
  const output = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true });
  try {
    const input = openSync(path, constants.O_WRONLY);
    return { output, input, closeInput: () => closeSync(input), holders: () => pidsHolding(realpathSync(path)) };
  } catch (error) {
    output.destroy();
    throw error;
  }
}

function pidsHolding(path: string): number[] {
  const pids = readProcesses().map(({ pid }) => pid);
  return pids.filter((pid) => pid !== process.pid && openFilesOf(pid).includes(path));
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Splits a dyno's output into lines as the platform's log does: removes CR LF or LF and splits long lines. The result
 * does not depend on how the bytes arrive. At most one line is buffered. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Returns the lines that these bytes complete. */
  push(bytes: Buffer): string[] {
    const lines: string[] = [];
    let rest = Buffer.concat([this.#rest, bytes]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      lines.push(...wholeLine(rest.subarray(0, end)));
      rest = rest.subarray(end + 1);
    }
    // The one extra byte may be the CR of a line that fits.
    const [parts, last] = splitLong(rest, MAX_LINE_BYTES + 1);
    this.#rest = Buffer.from(last); // a copy, so that the chunk can be freed
    return [...lines, ...parts];
  }

  /** The text after the last newline. */
  end(): string[] {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length === 0 ? [] : wholeLine(rest);
  }
}

function wholeLine(line: Buffer): string[] {
  const [parts, last] = splitLong(line.at(-1) === RETURN ? line.subarray(0, -1) : line, MAX_LINE_BYTES);
  return [...parts, last.toString()];
}

/** Cuts parts off the front until at most this many bytes are left. */
function splitLong(line: Buffer, mostBytes: number): [parts: string[], last: Buffer] {
  const parts: string[] = [];
  let last = line;
  while (last.length > mostBytes) {
    const length = partLength(last);
    parts.push(last.toString('utf8', 0, length));
    last = last.subarray(length);
  }
  return [parts, last];
}

/** Ends at a character boundary. Bytes that are not UTF-8 are cut anywhere. */
function partLength(bytes: Buffer): number {
  for (let length = MAX_LINE_BYTES; length > MAX_LINE_BYTES - 4; length -= 1) {
    if (((bytes[length] ?? 0) & 0xc0) !== 0x80) return length;
  }
  return MAX_LINE_BYTES;
}
