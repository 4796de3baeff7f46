import { constants } from 'node:os';
import type { HandedOnSignal } from './host.ts';
import { readShort } from './short-read.ts';

/** Who would hear a signal, rather than die of it: as far as /proc shows. */
export class Hearing {
  readonly #titled = new Set<number>();

  /** It is up. Puma and sidekiq show a title by then, written over their command line. */
  up(pid: number): void {
    if (hasTitle(pid)) this.#titled.add(pid);
  }

  gone(pid: number): void {
    this.#titled.delete(pid);
  }

  /** False for one that has no handler for it, and for one that starts itself anew: after its exec it shows its command line, and what
   * handler there is may be that of Ruby, which ends a program by the signal. */
  hears(pid: number, signal: HandedOnSignal): boolean {
    return !hasNoHandler(pid, signal) && (!this.#titled.has(pid) || hasTitle(pid));
  }
}

/** Surely, and does not ignore it; false where that cannot be seen. */
function hasNoHandler(pid: number, signal: HandedOnSignal): boolean {
  const status = readShort(`/proc/${pid}/status`);
  const sets = ['SigCgt', 'SigIgn'].map((name) => status.split(`\n${name}:\t`)[1]?.split('\n')[0]);
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  return sets.every((set) => set !== undefined && (BigInt(`0x${set}`) & bit) === 0n);
}

/** One text, where a command line has a NUL after each word; so has a command of one word. */
function hasTitle(pid: number): boolean {
  return /^[^\0]+\0*$/.test(readShort(`/proc/${pid}/cmdline`));
}
