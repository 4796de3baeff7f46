import { constants } from 'node:os';
import type { Cancel, Clock, ForwardedSignal, ProcessId } from '../host.ts';
import { readProcFile } from '../linux/proc-file.ts';
import { commandLine, readDescendants, readProcess, titleOf } from '../linux/processes.ts';

/** Whether a process would handle a signal rather than die of it, as far as /proc shows. */
export class SignalSupport {
  /** pid -> the first word of the title that the process had when it became ready. */
  readonly #titles = new Map<number, string>();

  /** Puma and sidekiq have replaced their command line with a title by then. */
  onReady(pid: number): void {
    const title = processTitle(pid);
    if (title !== null) this.#titles.set(pid, title);
  }

  onExited(pid: number): void {
    this.#titles.delete(pid);
  }

  /** False for a process without a handler, and for one that is re-executing itself. After its exec it shows its command line, or a
   * title of Bundler. A handler that is there then may be Ruby's own, which ends the program with that signal. */
  canHandle(pid: number, signal: ForwardedSignal): boolean {
    const title = this.#titles.get(pid);
    return !hasNoHandler(pid, signal) && (title === undefined || title === processTitle(pid));
  }
}

/** True when /proc shows that the process neither handles nor ignores the signal; false when /proc does not tell. */
function hasNoHandler(pid: number, signal: ForwardedSignal): boolean {
  const status = readProcFile(`/proc/${pid}/status`);
  const masks = ['SigCgt', 'SigIgn'].map((name) => status.split(`\n${name}:\t`)[1]?.split('\n')[0]);
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  return masks.every((mask) => mask !== undefined && (BigInt(`0x${mask}`) & bit) === 0n);
}

/** The first word of the title; null when the process shows its command line. (A command of one word looks like a title.) */
function processTitle(pid: number): string | null {
  const [title = '', ...moreWords] = commandLine(pid);
  return moreWords.some((word) => word !== '') ? null : title.split(' ', 1)[0] || null;
}

const CHECK_INTERVAL_MS = 500;

/** Calls back once the title of this process or of a descendant matches; never if the process exits first. */
export function whenTitleMatches(root: ProcessId, pattern: RegExp, clock: Clock, onMatch: () => void): Cancel {
  const check = (): void => {
    if (readProcess(root.pid)?.started !== root.started) return;
    const pids = [root.pid, ...readDescendants(root.pid).map(({ pid }) => pid)];
    if (pids.some((pid) => pattern.test(titleOf(pid)))) return onMatch();
    cancel = clock.after(CHECK_INTERVAL_MS, check);
  };
  let cancel = clock.after(CHECK_INTERVAL_MS, check);
  return () => cancel();
}
