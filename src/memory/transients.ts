import type { ProcessUse } from '../host/host.ts';
import type { ChildName } from '../plan/spec.ts';

/** What our children are made of: never a helper, however it was started. */
const INTERPRETER = /^(ruby|jruby|truffleruby|node|nodejs)[\d.-]*$/;

/** Processes that do one thing for a ruby or node of ours and end: convert, magick, vips, ffmpeg, ffprobe. What the first
 * process of a child is, or what stands between it and its first interpreter (a wrapper, a java), is none. Nor is one whose
 * program cannot be read. */
export function transientHelpers(processes: readonly ProcessUse[]): ProcessUse[] {
  const byPid = new Map(processes.map((use) => [use.pid, use]));
  return processes.filter(
    ({ program, parent }) => program !== null && !isInterpreter(program) && isBelow(parent, byPid),
  );
}

/** The worker processes of a puma whose first process is a ruby: its master boots another for one that ends. */
export function workersOf(child: ChildName, processes: readonly ProcessUse[]): ProcessUse[] {
  const own = processes.filter((use) => use.child === child && isInterpreter(use.program));
  const masters = own.filter(({ parent }) => !processes.some(({ pid }) => pid === parent));
  return own.filter(({ parent }) => masters.some(({ pid }) => pid === parent));
}

export function idOf({ pid, started }: { pid: number; started: string }): string {
  return `${pid} ${started}`;
}

function isBelow(parent: number, byPid: ReadonlyMap<number, ProcessUse>): boolean {
  const seen = new Set<number>();
  for (let at = byPid.get(parent); at !== undefined && !seen.has(at.pid); at = byPid.get(at.parent)) {
    if (isInterpreter(at.program)) return true;
    seen.add(at.pid);
  }
  return false;
}

function isInterpreter(program: string | null): boolean {
  return program !== null && INTERPRETER.test(program);
}
