import type { Cancel, Clock, ProcessId } from './host.ts';
import { readDescendants, readProcess, titleOf } from './processes.ts';

const LOOK_EVERY_MS = 500;

/** Calls back once the command line of this process or of a descendant shows the pattern; never when it ends before. */
export function whenTitled(root: ProcessId, pattern: RegExp, clock: Clock, shown: () => void): Cancel {
  let cancel: Cancel = () => {};
  const look = (): void => {
    if (readProcess(root.pid)?.started !== root.started) return;
    const pids = [root.pid, ...readDescendants(root.pid).map(({ pid }) => pid)];
    if (pids.some((pid) => pattern.test(titleOf(pid)))) shown();
    else again();
  };
  const again = (): void => {
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  again();
  return () => cancel();
}
