import { type ChildProcessByStdio, spawn, type StdioOptions } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { readProcFile } from '../linux/proc-file.ts';
import { findCommand } from '../process/find-command.ts';

/** Where every system has its cat, whatever PATH our children get. */
const SYSTEM_PATH = '/usr/bin:/bin';
/** The most that may be on its way through a relay: our last lines have to come after it, for a slow reader, too. */
const MAX_IN_FLIGHT_BYTES = 32_768;
/** Bound on new relays in place of one that a signal ended. */
const MAX_RELAYS = 5;

type Cat = ChildProcessByStdio<Writable, null, null>;

export function canRelay(): boolean {
  return existsSync('/bin/sh') && !('error' in findCommand('cat', SYSTEM_PATH, '/'));
}

/** A `cat` that blocks in our place. It ignores the signals that a platform sends to every process of the dyno, is given
 * nothing before it does, and ends with us. */
export class Relay {
  readonly #fd: number;
  #cat: Cat;
  #left = MAX_RELAYS;
  #given = 0;
  /** Of that, what has gone on, as far as we have looked. */
  #gone = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.#cat = startCat(fd);
  }

  write(bytes: Buffer): number {
    if (hasEnded(this.#cat) && !this.#replace()) return 0;
    if (!ignoresSignals(this.#cat) || this.#isFull) return 0;
    this.#cat.stdin.write(Buffer.from(bytes));
    this.#given += bytes.length;
    return bytes.length;
  }

  /** With false when the relay did not write all that it was given. */
  finish(abort: AbortSignal): Promise<boolean> {
    return endOf(this.#cat, abort);
  }

  /** False when no relay can be started now, for want of a descriptor or a process. */
  #replace(): boolean {
    const { signalCode } = this.#cat;
    if (signalCode === null || signalCode === 'SIGPIPE' || this.#left === 1) throw new Error('the reader is gone');
    try {
      this.#cat = startCat(this.#fd);
    } catch {
      return false;
    }
    this.#left -= 1;
    this.#given = this.#gone = 0;
    return true;
  }

  get #isFull(): boolean {
    if (this.#given - this.#gone < MAX_IN_FLIGHT_BYTES) return false;
    this.#gone = writtenBy(this.#cat) ?? this.#given - this.#cat.stdin.writableLength;
    return this.#given - this.#gone >= MAX_IN_FLIGHT_BYTES;
  }
}

/** It says on a descriptor of its own when it has set its trap. Throws when it cannot be started. */
function startCat(fd: number): Cat {
  const script = "trap '' TERM INT HUP; echo >&3; exec cat 3>&-";
  const env = { PATH: SYSTEM_PATH };
  const stdio: StdioOptions = ['pipe', fd, 'ignore', 'pipe'];
  const cat = spawn('/bin/sh', ['-c', script], { stdio, detached: true, env }) as Cat;
  cat.on('error', () => {});
  if (cat.pid === undefined) throw new Error('no relay could be started'); // it has no stdin either
  cat.stdin.on('error', () => {}); // `exit` tells
  readyPipe(cat)
    ?.on('error', () => {})
    .resume()
    .unref();
  cat.unref();
  return cat;
}

/** What `echo` has written before. */
const READY_LINE_BYTES = 1;

/** Bytes, when each write is over; null where the kernel does not tell, as of a cat that copies by splice. */
function writtenBy({ pid = 0 }: Cat): number | null {
  const written = Number(/^wchar: (\d+)$/m.exec(readProcFile(`/proc/${pid}/io`))?.[1] ?? 0);
  return written > READY_LINE_BYTES ? written - READY_LINE_BYTES : null;
}

function ignoresSignals(cat: Cat): boolean {
  return (readyPipe(cat)?.bytesRead ?? 0) > 0;
}

function readyPipe(cat: Cat): Socket | undefined {
  return cat.stdio[3] as Socket | undefined;
}

function hasEnded(cat: Cat): boolean {
  return cat.exitCode !== null || cat.signalCode !== null;
}

function endOf(cat: Cat, abort: AbortSignal): Promise<boolean> {
  if (hasEnded(cat)) return Promise.resolve(cat.exitCode === 0);
  return new Promise((resolve) => {
    cat.once('exit', (code) => resolve(code === 0));
    cat.ref();
    cat.stdin.end();
    const kill = (): void => void cat.kill('SIGKILL');
    if (abort.aborted) kill();
    else abort.addEventListener('abort', kill, { once: true });
  });
}
