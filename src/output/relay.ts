import { type ChildProcessByStdio, spawn, type StdioOptions } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { readProcFile } from '../linux/proc-file.ts';
import { findCommand } from '../process/find-command.ts';

/** Every system has its `cat` here. The PATH of the children may be anything. */
const SYSTEM_PATH = '/usr/bin:/bin';
/** Our last lines have to follow what is in the relay, within the time for a slow reader. */
const MAX_IN_FLIGHT_BYTES = 32_768;
/** A relay that a signal ended is replaced, this often at most. */
const MAX_RELAYS = 5;

type Cat = ChildProcessByStdio<Writable, null, null>;

export function canRelay(): boolean {
  return existsSync('/bin/sh') && !('error' in findCommand('cat', SYSTEM_PATH, '/'));
}

/** A `cat` that blocks instead of us. It ignores the signals that a platform sends to every process of the dyno, gets no bytes before
 * it does, and exits when we do. */
export class Relay {
  readonly #fd: number;
  #cat: Cat;
  #relaysLeft = MAX_RELAYS;
  /** Bytes that the relay was given. */
  #acceptedBytes = 0;
  /** Bytes that the relay had written at our last check. */
  #relayedBytes = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.#cat = startCat(fd);
  }

  write(bytes: Buffer): number {
    if (hasExited(this.#cat) && !this.#replace()) return 0;
    const ignoresSignals = (readyPipe(this.#cat)?.bytesRead ?? 0) > 0;
    if (!ignoresSignals || this.#isFull) return 0;
    this.#cat.stdin.write(Buffer.from(bytes));
    this.#acceptedBytes += bytes.length;
    return bytes.length;
  }

  /** Resolves with false when the relay did not write everything that it was given. */
  finish(abort: AbortSignal): Promise<boolean> {
    const cat = this.#cat;
    if (hasExited(cat)) return Promise.resolve(cat.exitCode === 0);
    return new Promise((resolve) => {
      cat.once('exit', (code) => resolve(code === 0));
      cat.ref();
      cat.stdin.end();
      const kill = (): void => void cat.kill('SIGKILL');
      if (abort.aborted) kill();
      else abort.addEventListener('abort', kill, { once: true });
    });
  }

  /** Returns false when no relay can be started now, because there is no free descriptor or process. */
  #replace(): boolean {
    const { signalCode } = this.#cat;
    if (signalCode === null || signalCode === 'SIGPIPE' || this.#relaysLeft === 1) {
      throw new Error('the reader of the output has exited');
    }
    try {
      this.#cat = startCat(this.#fd);
    } catch {
      return false;
    }
    this.#relaysLeft -= 1;
    this.#acceptedBytes = this.#relayedBytes = 0;
    return true;
  }

  get #isFull(): boolean {
    if (this.#acceptedBytes - this.#relayedBytes < MAX_IN_FLIGHT_BYTES) return false;
    this.#relayedBytes = bytesWrittenBy(this.#cat) ?? this.#acceptedBytes - this.#cat.stdin.writableLength;
    return this.#acceptedBytes - this.#relayedBytes >= MAX_IN_FLIGHT_BYTES;
  }
}

/** The shell writes a line to a descriptor of its own once it ignores the signals. Throws when it cannot be started. */
function startCat(fd: number): Cat {
  const script = "trap '' TERM INT HUP; echo >&3; exec cat 3>&-";
  const env = { PATH: SYSTEM_PATH };
  const stdio: StdioOptions = ['pipe', fd, 'ignore', 'pipe'];
  const cat = spawn('/bin/sh', ['-c', script], { stdio, detached: true, env }) as Cat;
  cat.on('error', () => {});
  if (cat.pid === undefined) throw new Error('the relay could not be started'); // there is no stdin either
  cat.stdin.on('error', () => {}); // `exit` follows
  readyPipe(cat)
    ?.on('error', () => {})
    .resume()
    .unref();
  cat.unref();
  return cat;
}

/** The line that `echo` writes. */
const READY_LINE_BYTES = 1;

/** Bytes of completed writes; null when the kernel does not tell, as for a cat that copies by splice. */
function bytesWrittenBy({ pid = 0 }: Cat): number | null {
  const written = Number(/^wchar: (\d+)$/m.exec(readProcFile(`/proc/${pid}/io`))?.[1] ?? 0);
  return written > READY_LINE_BYTES ? written - READY_LINE_BYTES : null;
}

function readyPipe(cat: Cat): Socket | undefined {
  return cat.stdio[3] as Socket | undefined;
}

function hasExited(cat: Cat): boolean {
  return cat.exitCode !== null || cat.signalCode !== null;
}
