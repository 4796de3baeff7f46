import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { options } from './env-options.ts';
import { writeLine } from './write-line.ts';

/** Shrinking a resizable buffer frees its pages at once. Others wait for the garbage collector. */
type ResizableBuffer = ArrayBuffer & { resize(bytes: number): void };
const ResizableBuffer = ArrayBuffer as unknown as new (
  bytes: number,
  options: { maxByteLength: number },
) => ResizableBuffer;

const MAX_CHUNK_BYTES = 2 ** 30;
const STEP_MS = 20;
/** 200 MB/s: fast, but slow enough for a memory guard to act. */
const STEP_BYTES = 4 * 2 ** 20;

/** Keeps references, so that the garbage collector frees nothing. */
const retained: MemoryBallast[] = [];

/** Memory that is allocated and written to, so that it is private to this process. */
export class MemoryBallast {
  readonly #chunks: ResizableBuffer[] = [];
  #pendingBytes = 0;
  #growing: NodeJS.Timeout | undefined;

  constructor() {
    retained.push(this);
  }

  /** Allocates more, evenly over the given time. */
  async allocate(bytes: number, overMs: number): Promise<void> {
    const steps = Math.max(1, Math.ceil(overMs / STEP_MS));
    for (let step = 1; step <= steps; step++) {
      await new Promise((resolve) => setTimeout(resolve, overMs / steps));
      this.#add(Math.round((bytes * step) / steps) - Math.round((bytes * (step - 1)) / steps));
    }
  }

  /** Grows in the background. Does not keep the process alive. */
  growBy(bytes: number): void {
    this.#pendingBytes += bytes;
    this.#growing ??= setInterval(() => {
      const next = Math.min(STEP_BYTES, this.#pendingBytes);
      this.#pendingBytes -= next;
      if (next === 0) this.#stopGrowing();
      else this.#add(next);
    }, STEP_MS).unref();
  }

  release(): void {
    this.#stopGrowing();
    this.#pendingBytes = 0;
    for (const piece of this.#chunks) piece.resize(0);
  }

  #stopGrowing(): void {
    clearInterval(this.#growing);
    this.#growing = undefined;
  }

  #add(bytes: number): void {
    for (let rest = bytes; rest > 0;) {
      const piece = this.#chunkWithRoom();
      const from = piece.byteLength;
      const more = Math.min(rest, MAX_CHUNK_BYTES - from);
      piece.resize(from + more);
      new Uint8Array(piece, from, more).fill(1);
      rest -= more;
    }
  }

  #chunkWithRoom(): ResizableBuffer {
    const found = this.#chunks.find(({ byteLength }) => byteLength < MAX_CHUNK_BYTES);
    if (found !== undefined) return found;
    const piece = new ResizableBuffer(0, { maxByteLength: MAX_CHUNK_BYTES });
    this.#chunks.push(piece);
    return piece;
  }
}

/** Takes the command's number. Returns an error, or null when done. */
type Command = (bytes: number) => string | null;

/** Serves one-line commands on the unix socket PID.sock in STAND_IN_CONTROL: `flood BYTES`, `relieve`, and the
 * stand-in's own. Answers each with `ok` or an error. Returns a function that removes the socket. Does not keep the
 * process alive. */
export function openControlSocket(own: Readonly<Record<string, Command>> = {}): () => void {
  if (options.controlFolder === '') return () => undefined;
  const path = join(options.controlFolder, `${process.pid}.sock`);
  const flood = new MemoryBallast();
  const commands = new Map<string, Command>([
    ...Object.entries(own),
    ['flood', withBytes((bytes) => flood.growBy(bytes))],
    ['relieve', () => (flood.release(), null)],
  ]);
  const server = createServer((socket) => serve(socket, commands));
  server.once('error', (error) => writeLine(`the stand-in takes no commands: ${error.message}`));
  const remove = (): void => rmSync(path, { force: true });
  remove(); // left by an earlier process with this pid
  server.listen(path).unref();
  process.once('exit', remove);
  return remove;
}

export function withBytes(act: (bytes: number) => string | null | void): Command {
  return (bytes) => {
    if (!Number.isSafeInteger(bytes) || bytes <= 0) return 'expected a number of bytes';
    return act(bytes) ?? null;
  };
}

function serve(socket: Socket, commands: ReadonlyMap<string, Command>): void {
  let text = '';
  socket.unref();
  socket.on('error', () => socket.destroy());
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    const [line = '', rest] = text.split('\n');
    if (rest !== undefined) socket.end(`${runCommand(line, commands)}\n`);
  });
}

function runCommand(line: string, commands: ReadonlyMap<string, Command>): string {
  const [word = '', amount] = line.trim().split(' ');
  const command = commands.get(word);
  if (command === undefined) return `knows ${[...commands.keys()].join(', ')}, not ${word}`;
  return command(Number(amount)) ?? 'ok';
}
