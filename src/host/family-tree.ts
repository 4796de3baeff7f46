import { existsSync } from 'node:fs';
import type { ChildName } from '../plan/spec.ts';
import type { ProcessId } from './host.ts';
import { findKin } from './kin.ts';
import { readDescendants, readProcess, readProcesses, type ProcessRow } from './processes.ts';

/** A process of ours, and the child that it comes from; '' for one that comes from a one-shot command. */
export type Member = ProcessId & {
  child: ChildName;
  /** It leads a session: whoever is in that comes from it, after its end as well. */
  leads: boolean;
};

/** CONFIG_PROC_CHILDREN. Without it every process of the machine has to be looked at. */
const KERNEL_LISTS_CHILDREN = existsSync(`/proc/self/task/${process.pid}/children`);

/** Everything that lives in the trees of these: each living one itself, and what descends from it. Who stands earlier in
 * the list has the say to which child a process belongs. */
export function growTrees(from: Iterable<Member>, hasChildrenFiles = KERNEL_LISTS_CHILDREN): Map<number, Member> {
  const found = new Map<number, Member>();
  const rows = hasChildrenFiles ? null : readProcesses();
  for (const { child, pid, started } of from) {
    const row = found.has(pid) ? null : readProcess(pid);
    if (row?.started !== started) continue;
    for (const one of rows === null ? [row, ...readDescendants(pid)] : kinOf(row, rows)) {
      if (!one.zombie && !found.has(one.pid)) found.set(one.pid, memberOf(one, child));
    }
  }
  return found;
}

function kinOf({ pid, started }: ProcessRow, rows: readonly ProcessRow[]): ProcessRow[] {
  return findKin(rows, new Map([[pid, started]]), () => false, process.pid);
}

export function memberOf({ pid, started, session }: ProcessRow, child: ChildName): Member {
  return { pid, started, child, leads: session === pid };
}
