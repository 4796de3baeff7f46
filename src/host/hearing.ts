import { constants } from 'node:os';
import type { HandedOnSignal } from './host.ts';
import { commandLine } from './processes.ts';
import { readShort } from './short-read.ts';

/** Who would hear a signal, rather than die of it: as far as /proc shows. */
export class Hearing {
  /** pid -> whose title it showed when it was up. */
  readonly #titled = new Map<number, string>();

  /** Puma and sidekiq show a title by then, written over their command line. */
  up(pid: number): void {
    const title = titledBy(pid);
    if (title !== null) this.#titled.set(pid, title);
  }

  gone(pid: number): void {
    this.#titled.delete(pid);
  }

  /** False for one that has no handler for it, and for one that starts itself anew: after its exec it shows its command line, then maybe a
   * title of Bundler, and what handler there is may be that of Ruby, which ends a program by the signal. */
  hears(pid: number, signal: HandedOnSignal): boolean {
    const title = this.#titled.get(pid);
    return !hasNoHandler(pid, signal) && (title === undefined || title === titledBy(pid));
  }
}

/** Surely, and does not ignore it; false where that cannot be seen. */
function hasNoHandler(pid: number, signal: HandedOnSignal): boolean {
  const status = readShort(`/proc/${pid}/status`);
  const sets = ['SigCgt', 'SigIgn'].map((name) => status.split(`\n${name}:\t`)[1]?.split('\n')[0]);
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  return sets.every((set) => set !== undefined && (BigInt(`0x${set}`) & bit) === 0n);
}

/** The first word of its title; null where it shows its command line. (A command of one word cannot be told from a title.) */
function titledBy(pid: number): string | null {
  const [title = '', ...more] = commandLine(pid);
  return more.some((word) => word !== '') ? null : title.split(' ', 1)[0] || null;
}
