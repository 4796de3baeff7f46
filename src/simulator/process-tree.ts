import type { ProcessId } from '../host.ts';
import { estimate, readExact, readMemoryUse } from '../linux/process-memory.ts';
import { readProcess, titleOf } from '../linux/processes.ts';
import { labelOf } from './process-label.ts';
import type { ProcessView } from './view.ts';

type Seen = { pid: number; parent: number; started: string; name: string };

/** What lives of a dyno, as its process list would show it: from the first process on, parents before their children; who
 * has lost its parent comes last. */
export function readTree(members: readonly ProcessId[], first: number): ProcessView[] {
  const seen = members.flatMap(({ pid, started }): Seen[] => {
    const row = readProcess(pid);
    return row === null || row.zombie || row.started !== started ? [] : [row];
  });
  const pids = new Set(seen.map(({ pid }) => pid));
  const roots = seen.filter(({ pid, parent }) => pid === first || !pids.has(parent));
  return roots.sort((one) => (one.pid === first ? -1 : 1)).flatMap((root) => branch(root, seen, 0, null));
}

/** Bytes of all of them together; null where this machine tells of none. */
export function weighTree(tree: readonly ProcessView[]): number | null {
  const known = tree.flatMap(({ bytes }) => bytes ?? []);
  return known.length === 0 ? null : known.reduce((total, bytes) => total + bytes, 0);
}

function branch(one: Seen, all: readonly Seen[], depth: number, parentLabel: string | null): ProcessView[] {
  const title = titleOf(one.pid);
  const label = labelOf(title, one.name, parentLabel);
  const view = { pid: one.pid, depth, label, title, bytes: weigh(one.pid) };
  const children = all.filter(({ parent, pid }) => parent === one.pid && pid !== one.pid);
  return [view, ...children.flatMap((child) => branch(child, all, depth + 1, label))];
}

/** Bytes: its own memory and its part of what it shares. */
function weigh(pid: number): number | null {
  const exact = readExact(pid);
  if (exact !== null) return exact;
  const use = readMemoryUse(pid);
  return use === null ? null : estimate(use);
}
