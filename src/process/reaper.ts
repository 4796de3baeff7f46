import type { Cancel, Clock, Leftovers, ProcessId } from '../host.ts';
import type { ProcessRow } from '../linux/processes.ts';
import type { ChildName } from '../plan/spec.ts';
import { ProcessTracker } from './process-tracker.ts';
import type { TrackedProcess } from './process-tree.ts';
import { describeProcess, Termination } from './termination.ts';

const FIRST_SCAN_DELAY_MS = 100;
const MAX_SCAN_INTERVAL_MS = 5000;
const REAP_DELAY_MS = 50;
/** A process that forks while its tree is killed leaves a child for the next round. */
const MAX_KILL_ROUNDS = 5;

/** Tracks every process that descends from the children, and ends those that outlive them. Needs the /proc of Linux. */
export class Reaper {
  readonly #tracker: ProcessTracker;
  readonly #clock: Clock;
  /** The sessions of the children, by the pid of their leader. */
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

  /** Adds a process that the supervisor started as leader of a session. child: '' for a one-shot command. */
  add(pid: number, child: ChildName = ''): void {
    this.#tracker.add(pid, child);
    this.#sessions.add(pid);
  }

  /** Scans soon and then every few seconds until cancelled, so that descendants are known before their parents exit. */
  watch(): Cancel {
    let timer: NodeJS.Timeout;
    const scheduleScan = (delayMs: number): void => {
      timer = setTimeout(() => {
        this.scan();
        scheduleScan(Math.min(MAX_SCAN_INTERVAL_MS, 2 * delayMs));
      }, delayMs);
      timer.unref();
    };
    scheduleScan(FIRST_SCAN_DELAY_MS);
    return () => clearTimeout(timer);
  }

  scan(): TrackedProcess[] {
    return this.#tracker.scan();
  }

  /** @returns the processes that were killed besides these children, as `name (pid 12)` */
  killAll(children: ReadonlySet<number>): string[] {
    const living = this.#tracker.findLiving();
    for (const row of living) this.#termination.kill(row);
    return living.filter(({ pid }) => !children.has(pid)).map(describeProcess);
  }

  killTree(child: ChildName): void {
    const killed = new Set<number>();
    for (let round = 0; round < MAX_KILL_ROUNDS; round += 1) {
      const rows = round === 0 ? this.#tracker.findTreeOf(child) : this.#tracker.findLivingOf(child);
      const living = rows.filter(({ pid }) => !killed.has(pid));
      if (living.length === 0 && round > 0) return;
      for (const row of living) {
        killed.add(row.pid);
        this.#termination.kill(row);
      }
    }
  }

  has(target: ProcessId): boolean {
    return this.#tracker.has(target);
  }

  /**
   * Ends every process of the dyno. TERM goes to processes without a living parent in the dyno: a parent ends its own children. A
   * process in the session of a child may be all of its work, behind a start script that has exited, so it has until `untilMs` to
   * finish. A process that left that session is killed a second after its TERM. When called again, the earlier deadline holds.
   * Resolves after every `reap`.
   */
  reapAll(untilMs: number): Promise<Leftovers> {
    this.#killAtMs = Math.min(this.#killAtMs, Math.max(untilMs, this.#clock.now()));
    this.#reapingAll ??= this.#terminateAll().finally(() => (this.#reapingAll = null));
    return this.#reapingAll;
  }

  /** Ends what outlived one child. It starts after a short delay: other children may exit at the same time, and then one `reapAll`
   * covers them all. */
  async reap(child: ChildName, untilMs: number): Promise<Leftovers> {
    await new Promise<void>((resolve) => this.#clock.after(REAP_DELAY_MS, resolve));
    if (this.#reapingAll !== null) return { ended: [], killed: [] };
    const reaping = this.#terminateTree(child, untilMs).finally(() => this.#reapings.delete(reaping));
    this.#reapings.add(reaping);
    return reaping;
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
    const findLiving = (): ProcessRow[] => this.#tracker.findLivingOf(child);
    const leftovers = await this.#termination.terminateAll(findLiving, () => Math.min(untilMs, this.#killAtMs));
    this.#tracker.prune();
    return leftovers;
  }
}
