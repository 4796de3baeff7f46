import { constants } from 'node:os';
import type { Cancel, Clock, ForwardedSignal, ProcessId } from '../host.ts';
import { readProcFile } from '../linux/proc-file.ts';
import { commandLine, readDescendants, readProcess, titleOf } from '../linux/processes.ts';

/** Who would hear a signal, rather than die of it: as far as /proc shows. */
export class SignalSupport {
  /** pid -> whose title it showed when it was up. */
  readonly #titles = new Map<number, string>();

  /** Puma and sidekiq show a title by then, written over their command line. */
  onReady(pid: number): void {
    const title = processTitle(pid);
    if (title !== null) this.#titles.set(pid, title);
  }

  onExited(pid: number): void {
    this.#titles.delete(pid);
  }

  /** False for one that has no handler for it, and for one that starts itself anew: after its exec it shows its command line, then maybe a
   * title of Bundler, and what handler there is may be that of Ruby, which ends a program by the signal. */
  canHandle(pid: number, signal: ForwardedSignal): boolean {
    const title = this.#titles.get(pid);
    return !hasNoHandler(pid, signal) && (title === undefined || title === processTitle(pid));
  }
}

/** Surely, and does not ignore it; false where that cannot be seen. */
function hasNoHandler(pid: number, signal: ForwardedSignal): boolean {
  const status = readProcFile(`/proc/${pid}/status`);
  const sets = ['SigCgt', 'SigIgn'].map((name) => status.split(`\n${name}:\t`)[1]?.split('\n')[0]);
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  return sets.every((set) => set !== undefined && (BigInt(`0x${set}`) & bit) === 0n);
}

/** The first word of its title; null where it shows its command line. (A command of one word cannot be told from a title.) */
function processTitle(pid: number): string | null {
  const [title = '', ...more] = commandLine(pid);
  return more.some((word) => word !== '') ? null : title.split(' ', 1)[0] || null;
}

const CHECK_EVERY_MS = 500;

/** Calls back once the command line of this process or of a descendant shows the pattern; never when it ends before. */
export function whenTitleMatches(root: ProcessId, pattern: RegExp, clock: Clock, shown: () => void): Cancel {
  let cancel: Cancel = () => {};
  const look = (): void => {
    if (readProcess(root.pid)?.started !== root.started) return;
    const pids = [root.pid, ...readDescendants(root.pid).map(({ pid }) => pid)];
    if (pids.some((pid) => pattern.test(titleOf(pid)))) shown();
    else again();
  };
  const again = (): void => {
    cancel = clock.after(CHECK_EVERY_MS, look);
  };
  again();
  return () => cancel();
}
