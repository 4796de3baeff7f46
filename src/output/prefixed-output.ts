import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Cancel, Clock } from '../host.ts';
import type { Output } from './output.ts';

/** Copies the outputs of the children to ours, line by line, with the name of the child before each line. */
export class PrefixedOutput {
  readonly #clock: Clock;
  readonly #streams = new Map<Readable, Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(name: string, { stdout, stderr }: ChildProcess, to: { stdout: Output; stderr: Output }): void {
    if (stdout) this.#copy(stdout, name, to.stdout);
    if (stderr) this.#copy(stderr, name, to.stderr);
  }

  /** Waits up to `timeoutMs` for the last lines and destroys the streams. */
  async close(timeoutMs: number): Promise<void> {
    let cancel: Cancel = () => {};
    const timeout = new Promise<void>((resolve) => (cancel = this.#clock.after(timeoutMs, resolve)));
    await Promise.race([Promise.all(this.#streams.values()), timeout]);
    cancel();
    for (const stream of this.#streams.keys()) stream.destroy();
  }

  /** Removes the stream when it ends: a child that is restarted for weeks has many. */
  #copy(stream: Readable, name: string, output: Output): void {
    this.#streams.set(
      stream,
      copyWithPrefix(stream, name, output).then(() => void this.#streams.delete(stream)),
    );
  }
}

/** A longer line is written in pieces of this size, so that a child that writes no newline cannot fill our memory. */
export const MAX_LINE_BYTES = 1_048_576;
const NEWLINE = 0x0a;
const NEWLINES = /\n/g;

/** Copies whole lines of a child with `name | ` before each, until the stream ends or is destroyed. Reads on only while there is room,
 * so that a stalled reader blocks the child as a pipe would. */
export async function copyWithPrefix(stream: Readable, name: string, output: Output): Promise<void> {
  const lines = new LinePrefixer(`${name} | `);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const completed = lines.feed(chunk);
      if (completed.length > 0) await output.writeFromChild(completed);
    }
  } catch {
    // The stream was destroyed at the end of the shutdown. Lines read until then are kept.
  }
  const rest = lines.end();
  if (rest.length > 0) await output.writeFromChild(rest);
}

/** Takes bytes and returns whole lines with their prefix. It decodes each byte as one character (latin1): V8 can then insert the prefix
 * in a whole chunk at once, and no UTF-8 character is damaged. */
export class LinePrefixer {
  readonly #prefix: string;
  readonly #separator: string;
  #rest: Buffer[] = [];
  #bytes = 0;

  constructor(prefix: string) {
    this.#prefix = Buffer.from(prefix).toString('latin1');
    this.#separator = `\n${this.#prefix}`.replaceAll('$', '$$$$');
  }

  /** Returns the lines that this chunk completes. */
  feed(chunk: Buffer): Buffer {
    const end = chunk.lastIndexOf(NEWLINE);
    const lines = end < 0 ? '' : this.#prefixed(`${this.#take()}${chunk.toString('latin1', 0, end)}`);
    if (end + 1 < chunk.length) this.#keep(chunk.subarray(end + 1));
    return Buffer.from(this.#bytes < MAX_LINE_BYTES ? lines : `${lines}${this.#takePiece()}`, 'latin1');
  }

  /** Returns the last line, which has no newline. */
  end(): Buffer {
    return Buffer.from(this.#bytes === 0 ? '' : this.#prefixed(this.#take()), 'latin1');
  }

  #prefixed(lines: string): string {
    return `${this.#prefix}${lines.replace(NEWLINES, this.#separator)}\n`;
  }

  #take(): string {
    if (this.#bytes === 0) return '';
    this.#bytes = 0;
    return Buffer.concat(this.#rest.splice(0)).toString('latin1');
  }

  #keep(bytes: Buffer): void {
    this.#rest.push(bytes);
    this.#bytes += bytes.length;
  }

  /** The part of a too long line that has arrived, up to the last whole character. */
  #takePiece(): string {
    const all = Buffer.concat(this.#rest.splice(0));
    const cut = wholeCharacters(all);
    this.#bytes = 0;
    if (cut < all.length) this.#keep(all.subarray(cut));
    return this.#prefixed(all.toString('latin1', 0, cut));
  }
}

/** The length without an incomplete UTF-8 character at the end. */
function wholeCharacters(bytes: Buffer): number {
  let start = bytes.length - 1;
  while (start > bytes.length - 4 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  const lead = bytes[start] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return start + length > bytes.length ? start : bytes.length;
}
