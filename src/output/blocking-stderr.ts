import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import type { Cancel } from '../host.ts';

/** Keeps Node from making its own process.stderr, which would set O_NONBLOCK on a pipe that the children share: their writes
 * would fail while a reader stalls. Node makes it behind our back, at the end of any connection, to see whether that is it.
 * Call what it returns to give process.stderr back. */
export function useBlockingStderr(): Cancel {
  const before = Object.getOwnPropertyDescriptor(process, 'stderr');
  let ours: Writable | null = null;
  const get = (): Writable => (ours ??= blocking(2));
  Object.defineProperty(process, 'stderr', { configurable: true, enumerable: true, get });
  return () => {
    if (before !== undefined) Object.defineProperty(process, 'stderr', before);
  };
}

function blocking(fd: number): Writable {
  const write = (chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void => {
    try {
      writeSync(fd, chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
  return Object.assign(new Writable({ write }), { fd }).on('error', () => {}); // nobody reads it
}
