import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { canRelay, Relay } from './relay.ts';

/** A file descriptor that is written without ever blocking us, and without touching the flags our children share. */
export type Writer = {
  /** How many bytes were taken now; 0 is "later". Throws when nothing will ever be taken again (EPIPE, ENOSPC). */
  write(bytes: Buffer): number;
  /** Resolves when all that was taken has gone on, or when `abort` says that there is no time left: then with false. */
  finish(abort: AbortSignal): Promise<boolean>;
};

/** The way that fits what the descriptor is. O_NONBLOCK on the descriptor itself would reach every child: a pipe or a
 * terminal is opened once more, which gives flags of our own; a file never blocks; a socket needs a relay. Where no relay can
 * be started (no shell, no free descriptor) we write ourselves, and block when the reader stalls. */
export function openWriter(fd: number): Writer {
  return reopen(fd) ?? relay(fd) ?? direct(fd);
}

/** A writer that needs no other process; null where only a relay keeps us from blocking. */
export function reopen(fd: number): Writer | null {
  const stat = fstatSync(fd);
  if (stat.isFile()) return direct(fd);
  if (process.platform !== 'linux' || stat.isSocket()) return null;
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return direct(openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY), true);
  } catch {
    return null; // not ours to open (EACCES), no reader (ENXIO), no free descriptor (EMFILE), or no /proc
  }
}

function relay(fd: number): Writer | null {
  try {
    return canRelay() ? new Relay(fd) : null;
  } catch {
    return null;
  }
}

function direct(fd: number, own = false): Writer {
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
      if (own) closeSync(fd);
      return Promise.resolve(true);
    },
  };
}

/** Without making process.stdout, which would set O_NONBLOCK on a pipe that the children share. */
export function isTerminal(fd: number): boolean {
  return isatty(fd);
}
