import { existsSync } from 'node:fs';
import type { ProcessId } from '../host.ts';
import { type ProcessRow, readDescendants, readProcess, readProcesses } from '../linux/processes.ts';
import type { ChildName } from '../plan/spec.ts';

/** A process of ours, and the child that it comes from; '' for one that comes from a one-shot command. */
export type TrackedProcess = ProcessId & {
  child: ChildName;
  /** It leads a session: whoever is in that comes from it, after its end as well. */
  leadsSession: boolean;
};

/** CONFIG_PROC_CHILDREN. Without it every process of the machine has to be looked at. */
const KERNEL_LISTS_CHILDREN = existsSync(`/proc/self/task/${process.pid}/children`);

/** Everything that lives in the trees of these: each living one itself, and what descends from it. Who stands earlier in
 * the list has the say to which child a process belongs. */
export function findDescendants(
  from: Iterable<TrackedProcess>,
  hasChildrenFiles = KERNEL_LISTS_CHILDREN,
): Map<number, TrackedProcess> {
  const found = new Map<number, TrackedProcess>();
  const rows = hasChildrenFiles ? null : readProcesses();
  for (const { child, pid, started } of from) {
    const row = found.has(pid) ? null : readProcess(pid);
    if (row?.started !== started) continue;
    for (const one of rows === null ? [row, ...readDescendants(pid)] : descendantsIn(row, rows)) {
      if (!one.zombie && !found.has(one.pid)) found.set(one.pid, toTracked(one, child));
    }
  }
  return found;
}

function descendantsIn({ pid, started }: ProcessRow, rows: readonly ProcessRow[]): ProcessRow[] {
  return findRelated(rows, new Map([[pid, started]]), () => false, process.pid);
}

export function toTracked({ pid, started, session }: ProcessRow, child: ChildName): TrackedProcess {
  return { pid, started, child, leadsSession: session === pid };
}

/** pid -> start time of processes known to be ours, ended session leaders included. */
export type KnownProcesses = ReadonlyMap<number, string>;

/** Which processes are ours: known ones, what carries our marker, their descendants, and the members of their sessions.
 * A process that left its group, its session and its parent is found by the marker, or by having been seen before. Who
 * started before us has nothing from us, and is not asked: the kernel's own are most of a machine, and an answer costs. */
export function findRelated(
  rows: readonly ProcessRow[],
  known: KnownProcesses,
  marked: (pid: number) => boolean,
  self: number,
): ProcessRow[] {
  const others = rows.filter(({ pid }) => pid !== self);
  const since = Number(rows.find(({ pid }) => pid === self)?.started ?? 0);
  const younger = others.filter(({ started }) => Number(started) >= since);
  const reused = new Set(others.filter(({ pid, started }) => known.has(pid) && known.get(pid) !== started).map(pidOf));
  const sessions = new Set([...known.keys()].filter((pid) => !reused.has(pid)));
  const kin = new Set(others.filter(({ pid, started }) => known.get(pid) === started).map(pidOf));
  for (let size = -1; size !== kin.size;) {
    size = kin.size;
    for (const { pid, parent, session } of others) {
      if (kin.has(parent) || kin.has(session) || sessions.has(session)) kin.add(pid);
    }
    if (size === kin.size) for (const { pid } of younger) if (!kin.has(pid) && marked(pid)) kin.add(pid);
  }
  return others.filter(({ pid }) => kin.has(pid));
}

/** What to remember of a look: the kin, and the ended whose session still has members. */
export function rememberLiving(known: KnownProcesses, kin: readonly ProcessRow[]): KnownProcesses {
  const living = kin.filter(({ zombie }) => !zombie);
  const sessions = new Set(living.map(({ session }) => session));
  const ended = [...known].filter(([pid]) => sessions.has(pid));
  return new Map([...ended, ...living.map(({ pid, started }): [number, string] => [pid, started])]);
}

function pidOf({ pid }: ProcessRow): number {
  return pid;
}
