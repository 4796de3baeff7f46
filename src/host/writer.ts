import { spawn, type ChildProcessByStdio, type StdioOptions } from 'node:child_process';
import { closeSync, constants, existsSync, fstatSync, openSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { findCommand } from './find-command.ts';

/** A file descriptor that is written without ever blocking us, and without touching the flags our children share. */
export type Writer = {
  /** How many bytes were taken now; 0 is "later". Throws when nothing will ever be taken again (EPIPE, ENOSPC). */
  write(bytes: Buffer): number;
  /** Resolves when all that was taken has gone on, or when `abort` says that there is no time left. */
  finish(abort: AbortSignal): Promise<void>;
};

/** The way that fits what the descriptor is. O_NONBLOCK on the descriptor itself would reach every child: a pipe or a
 * terminal is opened once more, which gives flags of our own; a file never blocks; a socket needs a relay. */
export function openWriter(fd: number): Writer {
  const stat = fstatSync(fd);
  if (stat.isFile()) return direct(fd);
  if (process.platform === 'linux' && !stat.isSocket()) {
    try {
      const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
      return direct(openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY), true);
    } catch {
      // not ours to open (EACCES), or no /proc
    }
  }
  return relay(fd);
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
      return Promise.resolve();
    },
  };
}

/** Where every system has its cat, whatever PATH our children get. */
const SYSTEM_PATH = '/usr/bin:/bin';
/** The most that may wait for the relay. */
const RELAY_BYTES = 65_536;
/** Bound on new relays in place of one that a signal ended. */
const RELAYS = 5;

/** A `cat` that blocks in our place. It ignores the signals that a platform sends to every process of the dyno, is given
 * nothing before it does, and ends with us. Where there is no shell to start it we write ourselves, and block when the
 * reader stalls. */
function relay(fd: number): Writer {
  if (!existsSync('/bin/sh') || 'error' in findCommand('cat', SYSTEM_PATH, '/')) return direct(fd);
  let cat = startCat(fd);
  let left = RELAYS;
  return {
    write(bytes) {
      if (hasEnded(cat)) {
        if (cat.signalCode === null || cat.signalCode === 'SIGPIPE' || --left === 0)
          throw new Error('the reader is gone');
        cat = startCat(fd);
      }
      if (!ignoresSignals(cat) || cat.stdin.writableLength >= RELAY_BYTES) return 0;
      cat.stdin.write(Buffer.from(bytes));
      return bytes.length;
    },
    finish: (abort) => endOf(cat, abort),
  };
}

type Cat = ChildProcessByStdio<Writable, null, null>;

/** It says on a descriptor of its own when it has set its trap. */
function startCat(fd: number): Cat {
  const script = "trap '' TERM INT HUP; echo >&3; exec cat 3>&-";
  const env = { PATH: SYSTEM_PATH };
  const stdio: StdioOptions = ['pipe', fd, 'ignore', 'pipe'];
  const cat = spawn('/bin/sh', ['-c', script], { stdio, detached: true, env }) as Cat;
  cat.on('error', () => {});
  cat.stdin.on('error', () => {}); // `exit` tells
  saysSo(cat)
    ?.on('error', () => {})
    .resume()
    .unref();
  cat.unref();
  return cat;
}

function ignoresSignals(cat: Cat): boolean {
  return (saysSo(cat)?.bytesRead ?? 0) > 0;
}

/** Not there when it could not be started. */
function saysSo(cat: Cat): Socket | undefined {
  return cat.stdio[3] as Socket | undefined;
}

function hasEnded(cat: Cat): boolean {
  return cat.pid === undefined || cat.exitCode !== null || cat.signalCode !== null;
}

function endOf(cat: Cat, abort: AbortSignal): Promise<void> {
  if (hasEnded(cat)) return Promise.resolve();
  return new Promise((resolve) => {
    cat.once('exit', () => resolve());
    cat.ref();
    cat.stdin.end();
    const kill = (): void => void cat.kill('SIGKILL');
    if (abort.aborted) kill();
    else abort.addEventListener('abort', kill, { once: true });
  });
}
