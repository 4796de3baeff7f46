import type { ProcessUse } from '../host.ts';
import type { ChildName } from '../plan/spec.ts';

/** What the children themselves run: never a helper, however it was started. */
const INTERPRETER = /^(ruby|jruby|truffleruby|node|nodejs)[\d.-]*$/;

/** Helpers are short-lived processes that a child starts: convert, magick, vips, ffmpeg, ffprobe. They are the processes below an interpreter that are no
 * interpreters. The first process of a child, and what stands between it and its first interpreter (a wrapper, a java), is no helper;
 * nor is a process whose program cannot be read. */
export function findHelpers(processes: readonly ProcessUse[]): ProcessUse[] {
  const byPid = new Map(processes.map((use) => [use.pid, use]));
  return processes.filter(
    ({ program, parent }) => program !== null && !isInterpreter(program) && isBelowInterpreter(parent, byPid),
  );
}

/** The worker processes of a puma whose first process is a ruby: its master starts another worker for one that exits. */
export function findWorkers(child: ChildName, processes: readonly ProcessUse[]): ProcessUse[] {
  const own = processes.filter((use) => use.child === child && isInterpreter(use.program));
  const masters = own.filter(({ parent }) => !processes.some(({ pid }) => pid === parent));
  return own.filter(({ parent }) => masters.some(({ pid }) => pid === parent));
}

/** Names a process for good: pids are used again, start times are not. */
export function processKey({ pid, started }: { pid: number; started: string }): string {
  return `${pid} ${started}`;
}

function isBelowInterpreter(parent: number, byPid: ReadonlyMap<number, ProcessUse>): boolean {
  const seen = new Set<number>();
  for (let use = byPid.get(parent); use !== undefined && !seen.has(use.pid); use = byPid.get(use.parent)) {
    if (isInterpreter(use.program)) return true;
    seen.add(use.pid);
  }
  return false;
}

function isInterpreter(program: string | null): boolean {
  return program !== null && INTERPRETER.test(program);
}
