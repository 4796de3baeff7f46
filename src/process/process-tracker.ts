import type { ProcessId } from '../host.ts';
import { hasEnvironment, type ProcessRow, readProcess, readProcesses } from '../linux/processes.ts';
import type { ChildName } from '../plan/spec.ts';
import { findDescendants, findRelated, sessionLeaders, toTracked, type TrackedProcess } from './process-tree.ts';

/** Besides the marker of the run, each child carries its own name. It identifies a process that left its session between scans. */
export const CHILD_MARKER = 'MSTDN_SUPERVISE_CHILD';

/** Exited session leaders to remember before those with an empty session are pruned. Pruning reads every process of the machine. */
const MAX_EXITED_LEADERS = 16;

/** Which processes belong to this dyno, and to which child. A process is remembered while it lives, so that it is known without its
 * parent too. */
export class ProcessTracker {
  readonly #marker: string;
  #known: ReadonlyMap<number, TrackedProcess> = new Map();

  constructor(marker: string) {
    this.#marker = marker;
  }

  /** Adds a process that the supervisor started. A child that is started again keeps its name. */
  add(pid: number, child: ChildName): void {
    const row = readProcess(pid);
    if (row !== null) this.#remember([...this.#knownOf(), toTracked(row, child)]);
  }

  /** Adds new descendants, forgets exited processes, and returns the living ones. */
  scan(): TrackedProcess[] {
    const living = findDescendants(this.#known.values());
    const exited = this.#knownOf().filter((known) => known.leadsSession && !living.has(known.pid) && !isReused(known));
    this.#remember([...exited, ...living.values()]);
    if (exited.length > MAX_EXITED_LEADERS) this.prune();
    return [...living.values()];
  }

  /** All living processes of this dyno, those with its marker included. An empty result is checked once more: one scan misses the new
   * child of a process that forks and exits while /proc is read. */
  findLiving(): ProcessRow[] {
    const known = this.#known;
    const isMarked = (pid: number): boolean => hasEnvironment(pid, this.#marker);
    const living = this.#findAll(isMarked);
    if (living.length > 0) return living;
    this.#known = known;
    return this.#findAll(isMarked);
  }

  /** The living processes of one child: its descendants, the members of their sessions, and processes with its marker that left
   * between scans. An empty result is checked once more, as above: the child must not start again beside a missed process. */
  findLivingOf(child: ChildName): ProcessRow[] {
    const isMarked = (pid: number): boolean =>
      !this.#belongsToAnother(pid, child) && hasEnvironment(pid, this.#marker, `${CHILD_MARKER}=${child}`);
    const living = this.#findRelatedTo(child, isMarked);
    return living.length > 0 ? living : this.#findRelatedTo(child, isMarked);
  }

  /** The same without the search by marker, and therefore immediate: reading an environment may have to swap it in. */
  findTreeOf(child: ChildName): ProcessRow[] {
    return this.#findRelatedTo(child, () => false);
  }

  /** Forgets exited leaders whose sessions are empty: an unrelated process may get their pid. */
  prune(): void {
    this.#findAll(() => false);
  }

  /** Whether this very process lives and belongs to the dyno: it, an ancestor, or the leader of one of their sessions is known. Check
   * this before signalling a single process. */
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

  #findRelatedTo(child: ChildName, isMarked: (pid: number) => boolean): ProcessRow[] {
    const living = findRelated(readProcesses(), this.#knownOf(child), isMarked).filter(({ zombie }) => !zombie);
    this.#remember([...this.#knownOf(), ...living.map((row) => toTracked(row, child))]);
    return living;
  }

  #belongsToAnother(pid: number, child: ChildName): boolean {
    const knownChild = this.#known.get(pid)?.child ?? '';
    return knownChild !== '' && knownChild !== child;
  }

  #isKnown(row: ProcessRow | null): boolean {
    return row !== null && this.#known.get(row.pid)?.started === row.started;
  }

  #findAll(isMarked: (pid: number) => boolean): ProcessRow[] {
    const [rows, known] = [readProcesses(), this.#knownOf()];
    const living = findRelated(rows, known, isMarked).filter(({ zombie }) => !zombie);
    const childOf = new Map<number, ChildName>();
    for (const child of new Set(known.map((tracked) => tracked.child))) {
      for (const { pid } of findRelated(rows, this.#knownOf(child))) childOf.set(pid, child);
    }
    const tracked = living.map((row) => toTracked(row, childOf.get(row.pid) ?? ''));
    this.#remember([...sessionLeaders(known, living), ...tracked]);
    return living;
  }

  /** The known processes of one child, or of all. */
  #knownOf(child?: ChildName): TrackedProcess[] {
    return [...this.#known.values()].filter((tracked) => child === undefined || tracked.child === child);
  }

  #remember(processes: readonly TrackedProcess[]): void {
    this.#known = new Map(processes.map((tracked) => [tracked.pid, tracked]));
  }
}

/** Whether an unrelated process has the pid now. It may lead a session under that number. */
function isReused({ pid, started }: TrackedProcess): boolean {
  const row = readProcess(pid);
  return row !== null && row.started !== started;
}
