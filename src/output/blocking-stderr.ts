import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import type { Cancel } from '../host.ts';

/** Replaces process.stderr, because Node's own sets O_NONBLOCK on a pipe that the children share: their writes would then fail when
 * the reader stalls. Node creates it unasked when a connection ends, to compare the two. The returned function restores process.stderr. */
export function useBlockingStderr(): Cancel {
  const original = Object.getOwnPropertyDescriptor(process, 'stderr');
  let replacement: Writable | null = null;
  const get = (): Writable => (replacement ??= blockingStream(2));
  Object.defineProperty(process, 'stderr', { configurable: true, enumerable: true, get });
  return () => {
    if (original !== undefined) Object.defineProperty(process, 'stderr', original);
  };
}

function blockingStream(fd: number): Writable {
  const write = (chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void => {
    try {
      writeSync(fd, chunk);
      callback();
    } catch (error) {
      callback(error as Error);
    }
  };
  return Object.assign(new Writable({ write }), { fd }).on('error', () => {}); // the reader has exited
}
