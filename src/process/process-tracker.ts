import type { ProcessId } from '../host.ts';
import { hasEnvironment, type ProcessRow, readProcess, readProcesses } from '../linux/processes.ts';
import type { ChildName } from '../plan/spec.ts';
import {
  findRelated,
  findDescendants,
  type KnownProcesses,
  type TrackedProcess,
  toTracked,
  rememberLiving,
} from './process-tree.ts';

/** Beside the marker of the run, every child carries its own name: what has left its session unseen is known by it. */
export const CHILD_MARKER = 'MSTDN_SUPERVISE_CHILD';

/** So many ended leaders are remembered before those are sorted out whose sessions are empty, which takes a look at every
 * process of the dyno. */
const MAX_ENDED_LEADERS = 16;

/** Who is ours, and from which child: remembered while it lives, so that it is known again without its parent. */
export class ProcessTracker {
  readonly #marker: string;
  #known: ReadonlyMap<number, TrackedProcess> = new Map();

  constructor(marker: string) {
    this.#marker = marker;
  }

  /** What we started ourselves; a second process of the same child belongs to the same family. */
  add(pid: number, child: ChildName): void {
    const row = readProcess(pid);
    if (row !== null) this.#known = new Map(this.#known).set(pid, toTracked(row, child));
  }

  /** Remembers who has come and forgets who has gone; gives the living. */
  scan(): TrackedProcess[] {
    const findLiving = findDescendants(this.#known.values());
    const ended = [...this.#known.values()].filter(
      (member) => member.leadsSession && !findLiving.has(member.pid) && !isReused(member),
    );
    this.#known = new Map([...ended.map((member): [number, TrackedProcess] => [member.pid, member]), ...findLiving]);
    if (ended.length > MAX_ENDED_LEADERS) this.prune();
    return [...findLiving.values()];
  }

  /** Everything of ours that lives, found by the marker too. Looks twice before it says that nobody is left: one that forks
   * and ends while we read /proc hands on what a single look may miss. */
  findLiving(): ProcessRow[] {
    const known = this.#known;
    const marked = (pid: number): boolean => hasEnvironment(pid, this.#marker);
    const findLiving = this.#findAll(marked);
    if (findLiving.length > 0) return findLiving;
    this.#known = known;
    return this.#findAll(marked);
  }

  /** What lives of this child and comes from it, the members of its sessions and of its descendants' included, and what left
   * them unseen, by its marker. Looks twice, as above: nobody starts again beside one that was missed. */
  findLivingOf(child: ChildName): ProcessRow[] {
    const marked = (pid: number): boolean =>
      !this.#belongsToAnother(pid, child) && hasEnvironment(pid, this.#marker, `${CHILD_MARKER}=${child}`);
    const findLiving = this.#findRelatedTo(child, marked);
    return findLiving.length > 0 ? findLiving : this.#findRelatedTo(child, marked);
  }

  /** The same without those that left unseen: at once, since each environment that is read may have to be swapped in. */
  findTreeOf(child: ChildName): ProcessRow[] {
    return this.#findRelatedTo(child, () => false);
  }

  /** Forgets the ended leaders whose sessions are empty: a stranger may get their pids. */
  prune(): void {
    this.#findAll(() => false);
  }

  /** Whether this very process lives and comes from one of us: known itself, or its parents or the leader of its session
   * are. Asked before a single process is signalled. */
  has({ pid, started }: ProcessId): boolean {
    let row = readProcess(pid);
    if (row === null || row.zombie || row.started !== started) return false;
    for (; row !== null && row.pid !== process.pid; row = row.parent > 1 ? readProcess(row.parent) : null) {
      if (this.#isKnown(row) || this.#isKnown(readProcess(row.session))) return true;
    }
    return false;
  }

  get size(): number {
    return this.#known.size;
  }

  #findRelatedTo(child: ChildName, marked: (pid: number) => boolean): ProcessRow[] {
    const kin = findRelated(readProcesses(), this.#knownProcesses(child), marked, process.pid);
    const findLiving = kin.filter(({ zombie }) => !zombie);
    this.#known = new Map([
      ...this.#known,
      ...findLiving.map((row): [number, TrackedProcess] => [row.pid, toTracked(row, child)]),
    ]);
    return findLiving;
  }

  #belongsToAnother(pid: number, child: ChildName): boolean {
    const known = this.#known.get(pid)?.child ?? '';
    return known !== '' && known !== child;
  }

  #isKnown(row: ProcessRow | null): boolean {
    return row !== null && this.#known.get(row.pid)?.started === row.started;
  }

  #findAll(marked: (pid: number) => boolean): ProcessRow[] {
    const rows = readProcesses();
    const kin = findRelated(rows, this.#knownProcesses(), marked, process.pid);
    const children = new Set([...this.#known.values()].map(({ child }) => child));
    const childOf = new Map<number, ChildName>();
    for (const child of children) {
      for (const { pid } of findRelated(rows, this.#knownProcesses(child), () => false, process.pid))
        childOf.set(pid, child);
    }
    const found = new Map(kin.map((row) => [row.pid, toTracked(row, childOf.get(row.pid) ?? '')]));
    const kept = [...rememberLiving(this.#knownProcesses(), kin).keys()].flatMap(
      (pid) => found.get(pid) ?? this.#known.get(pid) ?? [],
    );
    this.#known = new Map(kept.map((member) => [member.pid, member]));
    return kin.filter(({ zombie }) => !zombie);
  }

  #knownProcesses(child?: ChildName): KnownProcesses {
    const members = [...this.#known.values()].filter((member) => child === undefined || member.child === child);
    return new Map(members.map(({ pid, started }) => [pid, started]));
  }
}

/** A stranger has its pid, and may lead a session under that number. */
function isReused({ pid, started }: TrackedProcess): boolean {
  const row = readProcess(pid);
  return row !== null && row.started !== started;
}
