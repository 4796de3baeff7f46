import type { ProcessRow } from './processes.ts';

/** pid -> start time of processes known to be ours, ended session leaders included. */
export type Known = ReadonlyMap<number, string>;

/** Which processes are ours: known ones, what carries our marker, their descendants, and the members of their sessions.
 * A process that left its group, its session and its parent is found by the marker, or by having been seen before. Who
 * started before us has nothing from us, and is not asked: the kernel's own are most of a machine, and an answer costs. */
export function findKin(
  rows: readonly ProcessRow[],
  known: Known,
  marked: (pid: number) => boolean,
  self: number,
): ProcessRow[] {
  const others = rows.filter(({ pid }) => pid !== self);
  const since = Number(rows.find(({ pid }) => pid === self)?.started ?? 0);
  const younger = others.filter(({ started }) => Number(started) >= since);
  const reused = new Set(others.filter(({ pid, started }) => known.has(pid) && known.get(pid) !== started).map(idOf));
  const sessions = new Set([...known.keys()].filter((pid) => !reused.has(pid)));
  const kin = new Set(others.filter(({ pid, started }) => known.get(pid) === started).map(idOf));
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
export function remember(known: Known, kin: readonly ProcessRow[]): Known {
  const living = kin.filter(({ zombie }) => !zombie);
  const sessions = new Set(living.map(({ session }) => session));
  const ended = [...known].filter(([pid]) => sessions.has(pid));
  return new Map([...ended, ...living.map(({ pid, started }): [number, string] => [pid, started])]);
}

function idOf({ pid }: ProcessRow): number {
  return pid;
}
