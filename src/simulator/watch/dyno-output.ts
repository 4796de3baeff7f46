import { LINE_MOST_BYTES } from '../rules.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** What a dyno prints, bytes in, whole lines out as the platform's log has them: without their CR LF or LF, those that are
 * too long in pieces. However the bytes are cut, the lines are the same; no more than one line waits. */
export class DynoOutput {
  #rest: Buffer = Buffer.alloc(0);

  /** The lines that these bytes complete. */
  feed(bytes: Buffer): string[] {
    const lines: string[] = [];
    let rest = Buffer.concat([this.#rest, bytes]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      lines.push(...pieces(withoutReturn(rest.subarray(0, end))));
      rest = rest.subarray(end + 1);
    }
    // One byte more than fits may be the CR of a line that fits.
    while (rest.length > LINE_MOST_BYTES + 1) {
      const length = pieceLength(rest);
      lines.push(rest.toString('utf8', 0, length));
      rest = rest.subarray(length);
    }
    this.#rest = Buffer.from(rest); // a copy: the chunk can go
    return lines;
  }

  /** What came after the last newline. */
  end(): string[] {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length === 0 ? [] : pieces(withoutReturn(rest));
  }
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}

function pieces(line: Buffer): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > LINE_MOST_BYTES) {
    const length = pieceLength(rest);
    lines.push(rest.toString('utf8', 0, length));
    rest = rest.subarray(length);
  }
  return [...lines, rest.toString('utf8')];
}

/** Up to the last character that fits whole; bytes that are no UTF-8 are cut anywhere. */
function pieceLength(bytes: Buffer): number {
  for (let length = LINE_MOST_BYTES; length > LINE_MOST_BYTES - 4; length -= 1) {
    if (((bytes[length] ?? 0) & 0xc0) !== 0x80) return length;
  }
  return LINE_MOST_BYTES;
}
