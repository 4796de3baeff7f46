import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { Cancel } from '../host.ts';
import { canRelay, Relay } from './relay.ts';

/** Writes to a file descriptor without blocking, and without changing the flags that our children share. */
export type Writer = {
  /** Returns the number of bytes taken; 0 means "try later". Throws when the write fails (EPIPE, ENOSPC). */
  write(bytes: Buffer): number;
  /** Resolves with true when all bytes have been passed on, with false when `abort` comes first. */
  finish(abort: AbortSignal): Promise<boolean>;
};

/**
 * Chooses a writer by the type of the descriptor. O_NONBLOCK on the descriptor itself would affect every child. A pipe or a terminal
 * is therefore opened once more, which gives it flags of its own. A file never blocks, and a socket needs a relay. If no relay can be
 * started (no shell, no free descriptor) we write to the descriptor directly, and block when the reader stalls.
 */
export function openWriter(fd: number): Writer {
  return reopen(fd) ?? relayWriter(fd) ?? directWriter(fd);
}

/** A writer that needs no other process; null when only a relay can avoid blocking. */
export function reopen(fd: number): Writer | null {
  const stat = fstatSync(fd);
  if (stat.isFile()) return directWriter(fd);
  if (process.platform !== 'linux' || stat.isSocket()) return null;
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return directWriter(openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY), true);
  } catch {
    return null; // no permission (EACCES), no reader (ENXIO), no free descriptor (EMFILE), or no /proc
  }
}

function relayWriter(fd: number): Writer | null {
  try {
    return canRelay() ? new Relay(fd) : null;
  } catch {
    return null;
  }
}

function directWriter(fd: number, closesFd = false): Writer {
  return {
    write(bytes) {
      try {
        return writeSync(fd, bytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
        throw error;
      }
    },
    finish() {
      if (closesFd) closeSync(fd);
      return Promise.resolve(true);
    },
  };
}

/** Does not use process.stdout, which would set O_NONBLOCK on a pipe that the children share. */
export function isTerminal(fd: number): boolean {
  return isatty(fd);
}

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
