import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Cancel, Clock } from '../host.ts';
import type { Output } from './output.ts';

/** The outputs of the children on their way to ours, line by line, each with the child's name before it. */
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

  /** How many are still open: what a child left behind may hold its pipe open after its end. */
  get size(): number {
    return this.#streams.size;
  }

  /** Waits for their last lines, this long, and lets go of them. */
  async close(atMostMs: number): Promise<void> {
    let cancel: Cancel = () => {};
    const timeOver = new Promise<void>((resolve) => (cancel = this.#clock.after(atMostMs, resolve)));
    await Promise.race([Promise.all(this.#streams.values()), timeOver]);
    cancel();
    for (const stream of this.#streams.keys()) stream.destroy();
  }

  /** Forgotten when it has ended: a child that is recycled for weeks has many. */
  #copy(stream: Readable, name: string, output: Output): void {
    this.#streams.set(
      stream,
      copyWithPrefix(stream, name, output).then(() => void this.#streams.delete(stream)),
    );
  }
}

/** A longer line is written in pieces of this size, so that a child without newlines cannot fill our memory. */
export const MAX_LINE_BYTES = 1_048_576;
const NEWLINE = 0x0a;
const NEWLINES = /\n/g;

/** Copies a child's output line by line, each line whole and with `name | ` before it, until the stream ends or is
 * destroyed. Reads on only while there is room, so a stalled reader holds the child back as a pipe would. */
export async function copyWithPrefix(stream: Readable, name: string, output: Output): Promise<void> {
  const lines = new LinePrefixer(`${name} | `);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const whole = lines.feed(chunk);
      if (whole.length > 0) await output.writeFromChild(whole);
    }
  } catch {
    // destroyed at the end of the budget: what came until then is kept
  }
  const rest = lines.end();
  if (rest.length > 0) await output.writeFromChild(rest);
}

/** Bytes in, whole lines with their prefix out. Each byte is a character while it is here (latin1): V8 then puts the prefix
 * before all lines of a chunk in one go, and no character is ever taken apart. */
export class LinePrefixer {
  readonly #prefix: string;
  readonly #between: string;
  #rest: Buffer[] = [];
  #bytes = 0;

  constructor(prefix: string) {
    this.#prefix = Buffer.from(prefix).toString('latin1');
    this.#between = `\n${this.#prefix}`.replaceAll('$', '$$$$');
  }

  /** The lines that this chunk completes. */
  feed(chunk: Buffer): Buffer {
    const end = chunk.lastIndexOf(NEWLINE);
    const lines = end < 0 ? '' : this.#prefixed(`${this.#take()}${chunk.toString('latin1', 0, end)}`);
    if (end + 1 < chunk.length) this.#keep(chunk.subarray(end + 1));
    return Buffer.from(this.#bytes < MAX_LINE_BYTES ? lines : `${lines}${this.#piece()}`, 'latin1');
  }

  /** The last line, which has no newline. */
  end(): Buffer {
    return Buffer.from(this.#bytes === 0 ? '' : this.#prefixed(this.#take()), 'latin1');
  }

  #prefixed(lines: string): string {
    return `${this.#prefix}${lines.replace(NEWLINES, this.#between)}\n`;
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

  /** What has come of a line that is too long, up to the last whole character. */
  #piece(): string {
    const all = Buffer.concat(this.#rest.splice(0));
    const cut = wholeCharacters(all);
    this.#bytes = 0;
    if (cut < all.length) this.#keep(all.subarray(cut));
    return this.#prefixed(all.toString('latin1', 0, cut));
  }
}

/** The length without a UTF-8 character that has only begun at the end. */
function wholeCharacters(bytes: Buffer): number {
  let start = bytes.length - 1;
  while (start > bytes.length - 4 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  const lead = bytes[start] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return start + length > bytes.length ? start : bytes.length;
}
