import { existsSync } from 'node:fs';
import type { ChildName } from '../plan/spec.ts';
import type { ProcessId } from './host.ts';
import { findKin } from './kin.ts';
import { readDescendants, readProcess, readProcesses, type ProcessRow } from './processes.ts';

/** A process of ours, and the child that it comes from. */
export type Member = ProcessId & { child: ChildName };

/** Everything that lives in the trees of these: each living one itself, and what descends from it. Who stands earlier in
 * the list has the say to which child a process belongs. */
export function growTrees(from: readonly Member[], hasChildrenFiles = KERNEL_LISTS_CHILDREN): Member[] {
  return hasChildrenFiles ? alongChildren(from) : throughAll(from);
}

/** CONFIG_PROC_CHILDREN. Without it every process of the machine has to be looked at. */
const KERNEL_LISTS_CHILDREN = existsSync(`/proc/self/task/${process.pid}/children`);

function alongChildren(from: readonly Member[]): Member[] {
  const found = new Map<number, Member>();
  const add = (child: ChildName, { pid, started, zombie }: ProcessRow): void => {
    if (!zombie && !found.has(pid)) found.set(pid, { child, pid, started });
  };
  for (const { child, pid, started } of from) {
    const row = found.has(pid) ? null : readProcess(pid);
    if (row?.started !== started) continue;
    add(child, row);
    for (const descendant of readDescendants(pid)) add(child, descendant);
  }
  return [...found.values()];
}

function throughAll(from: readonly Member[]): Member[] {
  const found = new Map<number, Member>();
  const rows = readProcesses();
  for (const { child, pid, started } of from) {
    const isThere = rows.some((row) => row.pid === pid && row.started === started);
    const kin = isThere && !found.has(pid) ? findKin(rows, new Map([[pid, started]]), () => false, process.pid) : [];
    for (const row of kin) {
      if (!row.zombie && !found.has(row.pid)) found.set(row.pid, { child, pid: row.pid, started: row.started });
    }
  }
  return [...found.values()];
}
