import { existsSync } from 'node:fs';
import type { ProcessId } from '../host.ts';
import { type ProcessRow, readDescendants, readProcess, readProcesses } from '../linux/processes.ts';
import type { ChildName } from '../plan/spec.ts';

/** A process of this dyno and the child that it descends from; '' for a descendant of a one-shot command. */
export type TrackedProcess = ProcessId & {
  child: ChildName;
  /** Whether it leads a session: the members of that session descend from it, even after it has exited. */
  leadsSession: boolean;
};

/** CONFIG_PROC_CHILDREN. Without it all processes of the machine have to be read. */
const KERNEL_LISTS_CHILDREN = existsSync(`/proc/self/task/${process.pid}/children`);

/** All living processes in the trees of these roots, the roots included, by pid. A process that is in two trees belongs to the child
 * of the earlier root. */
export function findDescendants(
  roots: Iterable<TrackedProcess>,
  hasChildrenFiles = KERNEL_LISTS_CHILDREN,
): Map<number, TrackedProcess> {
  const found = new Map<number, TrackedProcess>();
  const allRows = hasChildrenFiles ? null : readProcesses();
  for (const { child, pid, started } of roots) {
    const root = found.has(pid) ? null : readProcess(pid);
    if (root?.started !== started) continue;
    const tree = allRows === null ? [root, ...readDescendants(pid)] : findRelated(allRows, [root]);
    for (const row of tree) {
      if (!row.zombie && !found.has(row.pid)) found.set(row.pid, toTracked(row, child));
    }
  }
  return found;
}

export function toTracked({ pid, started, session }: ProcessRow, child: ChildName): TrackedProcess {
  return { pid, started, child, leadsSession: session === pid };
}

/**
 * The processes of this dyno: those known already, those that carry our marker, their descendants, and the members of their
 * sessions. A process that has left its group, its session and its parent is found by the marker, or because it is known from an
 * earlier scan. Processes older than the supervisor cannot descend from it, so their marker is not read: most processes of a
 * machine are the kernel's, and each read has a cost. `known` may hold session leaders that have exited.
 */
export function findRelated(
  rows: readonly ProcessRow[],
  known: readonly ProcessId[],
  isMarked: (pid: number) => boolean = () => false,
  ownPid = process.pid,
): ProcessRow[] {
  const startOf = new Map(known.map(({ pid, started }) => [pid, started]));
  const others = rows.filter(({ pid }) => pid !== ownPid);
  const ownStart = Number(rows.find(({ pid }) => pid === ownPid)?.started ?? 0);
  const younger = others.filter(({ started }) => Number(started) >= ownStart);
  const related = new Set(others.filter(({ pid, started }) => startOf.get(pid) === started).map(({ pid }) => pid));
  const sessions = new Set(startOf.keys());
  for (const { pid } of others) if (!related.has(pid)) sessions.delete(pid); // an unrelated process has this pid now
  for (let size = -1; size !== related.size;) {
    size = related.size;
    for (const { pid, parent, session } of others) {
      if (related.has(parent) || related.has(session) || sessions.has(session)) related.add(pid);
    }
    if (size === related.size) {
      for (const { pid } of younger) if (!related.has(pid) && isMarked(pid)) related.add(pid);
    }
  }
  return others.filter(({ pid }) => related.has(pid));
}

/** The known leaders of the sessions of these processes. They are to be remembered even after they have exited. */
export function sessionLeaders<T extends ProcessId>(known: readonly T[], living: readonly ProcessRow[]): T[] {
  const sessions = new Set(living.map(({ session }) => session));
  return known.filter(({ pid }) => sessions.has(pid));
}
