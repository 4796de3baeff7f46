import type { Cancel, Clock, Leftovers, ProcessId } from '../host.ts';
import type { ProcessRow } from '../linux/processes.ts';
import type { ChildName } from '../plan/spec.ts';
import { ProcessTracker } from './process-tracker.ts';
import type { TrackedProcess } from './process-tree.ts';
import { describeProcess, Termination } from './termination.ts';

const FIRST_SCAN_MS = 100;
const SCAN_EVERY_MS = 5000;
const REAP_AFTER_MS = 50;
/** Who forks while its tree is killed leaves somebody to the next round. */
const MAX_KILL_ROUNDS = 5;

/** Keeps track of every process that comes from our children, and ends them. Only Linux has the /proc for it. */
export class Reaper {
  readonly #tracker: ProcessTracker;
  readonly #clock: Clock;
  readonly #sessions = new Set<number>();
  readonly #termination: Termination;
  #killAtMs = Infinity;
  #reapingAll: Promise<Leftovers> | null = null;
  readonly #reapings = new Set<Promise<Leftovers>>();

  constructor(marker: string, clock: Clock) {
    this.#tracker = new ProcessTracker(marker);
    this.#clock = clock;
    this.#termination = new Termination(clock, ({ session }) => this.#sessions.has(session));
  }

  /** What we started: it leads a session of its own. child: '' for a one-shot command. */
  add(pid: number, child: ChildName = ''): void {
    this.#tracker.add(pid, child);
    this.#sessions.add(pid);
  }

  /** Remembers the descendants while their parents live, soon and then every few seconds, until cancelled. */
  watch(): Cancel {
    let timer: NodeJS.Timeout;
    const again = (everyMs: number): void => {
      timer = setTimeout(() => {
        this.scan();
        again(Math.min(SCAN_EVERY_MS, 2 * everyMs));
      }, everyMs);
      timer.unref();
    };
    again(FIRST_SCAN_MS);
    return () => clearTimeout(timer);
  }

  /** Remembers the descendants that live now; gives everything that lives. */
  scan(): TrackedProcess[] {
    return this.#tracker.scan();
  }

  /** @returns what was killed beside these children, as `name (pid 12)` */
  killAll(children: ReadonlySet<number>): string[] {
    const left = this.#tracker.findLiving();
    for (const row of left) this.#termination.kill(row);
    return left.filter(({ pid }) => !children.has(pid)).map(describeProcess);
  }

  /** SIGKILL for what lives of one child. */
  killTree(child: ChildName): void {
    const killed = new Set<number>();
    for (let round = 0; round < MAX_KILL_ROUNDS; round += 1) {
      const rows = round === 0 ? this.#tracker.findTreeOf(child) : this.#tracker.findLivingOf(child);
      const left = rows.filter(({ pid }) => !killed.has(pid));
      if (left.length === 0 && round > 0) return;
      for (const row of left) {
        killed.add(row.pid);
        this.#termination.kill(row);
      }
    }
  }

  /** Whether this very process lives and is one of ours. */
  has(target: ProcessId): boolean {
    return this.#tracker.has(target);
  }

  /** Ends everything of ours with TERM: whoever has no living parent among us, since what that one has started is its own
   * affair. What still is in the session of a child may be all its work, behind a start script that has ended: it gets until
   * `untilMs` to finish. What has left it is killed a second after its TERM. Called again, the earlier time holds. Over when
   * every `clear` is. */
  reapAll(untilMs: number): Promise<Leftovers> {
    this.#killAtMs = Math.min(this.#killAtMs, Math.max(untilMs, this.#clock.now()));
    this.#reapingAll ??= this.#terminateAll().finally(() => (this.#reapingAll = null));
    return this.#reapingAll;
  }

  /** The same for what outlived one child, whose pid is nobody's then. Not before a moment has passed: the others may end as
   * soon, and one look at everything is enough then. */
  async reap(child: ChildName, untilMs: number): Promise<Leftovers> {
    await new Promise<void>((resolve) => this.#clock.after(REAP_AFTER_MS, resolve));
    if (this.#reapingAll !== null) return { ended: [], killed: [] };
    const clearing = this.#terminateTree(child, untilMs).finally(() => this.#reapings.delete(clearing));
    this.#reapings.add(clearing);
    return clearing;
  }

  async #terminateAll(): Promise<Leftovers> {
    const leftovers = await this.#termination.terminateAll(
      () => this.#tracker.findLiving(),
      () => this.#killAtMs,
    );
    await Promise.all(this.#reapings);
    return leftovers;
  }

  async #terminateTree(child: ChildName, untilMs: number): Promise<Leftovers> {
    const living = (): ProcessRow[] => this.#tracker.findLivingOf(child);
    const leftovers = await this.#termination.terminateAll(living, () => Math.min(untilMs, this.#killAtMs));
    this.#tracker.prune();
    return leftovers;
  }
}
