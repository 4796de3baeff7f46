import type { ChildName } from '../plan/spec.ts';
import { describe, Ending } from './ending.ts';
import { Families } from './families.ts';
import type { Member } from './family-tree.ts';
import type { Cancel, Clock, Leftovers, ProcessId } from './host.ts';
import type { ProcessRow } from './processes.ts';

const FIRST_LOOK_MS = 100;
const LOOK_EVERY_MS = 5000;
const CLEAR_AFTER_MS = 50;
/** Who forks while its tree is killed leaves somebody to the next round. */
const ROUNDS = 5;

/** Keeps track of every process that comes from our children, and ends them. Only Linux has the /proc for it. */
export class Sweeper {
  readonly #families: Families;
  readonly #clock: Clock;
  readonly #sessions = new Set<number>();
  readonly #ending: Ending;
  #killAtMs = Infinity;
  #end: Promise<Leftovers> | null = null;
  readonly #clearings = new Set<Promise<Leftovers>>();

  constructor(marker: string, clock: Clock) {
    this.#families = new Families(marker);
    this.#clock = clock;
    this.#ending = new Ending(clock, ({ session }) => this.#sessions.has(session));
  }

  /** What we started: it leads a session of its own. child: '' for a one-shot command. */
  add(pid: number, child: ChildName = ''): void {
    this.#families.add(pid, child);
    this.#sessions.add(pid);
  }

  /** Remembers the descendants while their parents live, soon and then every few seconds, until cancelled. */
  watch(): Cancel {
    let timer: NodeJS.Timeout;
    const again = (everyMs: number): void => {
      timer = setTimeout(() => {
        this.glance();
        again(Math.min(LOOK_EVERY_MS, 2 * everyMs));
      }, everyMs);
      timer.unref();
    };
    again(FIRST_LOOK_MS);
    return () => clearTimeout(timer);
  }

  /** Remembers the descendants that live now; gives everything that lives. */
  glance(): Member[] {
    return this.#families.glance();
  }

  /** @returns what was killed beside these children, as `name (pid 12)` */
  kill(children: ReadonlySet<number>): string[] {
    const left = this.#families.living();
    for (const row of left) this.#ending.kill(row);
    return left.filter(({ pid }) => !children.has(pid)).map(describe);
  }

  /** SIGKILL for what lives of one child. */
  killTree(child: ChildName): void {
    const killed = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const rows = round === 0 ? this.#families.treeOf(child) : this.#families.livingOf(child);
      const left = rows.filter(({ pid }) => !killed.has(pid));
      if (left.length === 0 && round > 0) return;
      for (const row of left) {
        killed.add(row.pid);
        this.#ending.kill(row);
      }
    }
  }

  /** Whether this very process lives and is one of ours. */
  has(target: ProcessId): boolean {
    return this.#families.has(target);
  }

  /** Ends everything of ours with TERM: whoever has no living parent among us, since what that one has started is its own
   * affair. What still is in the session of a child may be all its work, behind a start script that has ended: it gets until
   * `untilMs` to finish. What has left it is killed a second after its TERM. Called again, the earlier time holds. Over when
   * every `clear` is. */
  end(untilMs: number): Promise<Leftovers> {
    this.#killAtMs = Math.min(this.#killAtMs, Math.max(untilMs, this.#clock.now()));
    this.#end ??= this.#endEverything().finally(() => (this.#end = null));
    return this.#end;
  }

  /** The same for what outlived one child, whose pid is nobody's then. Not before a moment has passed: the others may end as
   * soon, and one look at everything is enough then. */
  async clear(child: ChildName, untilMs: number): Promise<Leftovers> {
    await new Promise<void>((resolve) => this.#clock.after(CLEAR_AFTER_MS, resolve));
    if (this.#end !== null) return { ended: [], killed: [] };
    const clearing = this.#clear(child, untilMs).finally(() => this.#clearings.delete(clearing));
    this.#clearings.add(clearing);
    return clearing;
  }

  async #endEverything(): Promise<Leftovers> {
    const leftovers = await this.#ending.empty(
      () => this.#families.living(),
      () => this.#killAtMs,
    );
    await Promise.all(this.#clearings);
    return leftovers;
  }

  async #clear(child: ChildName, untilMs: number): Promise<Leftovers> {
    const living = (): ProcessRow[] => this.#families.livingOf(child);
    const leftovers = await this.#ending.empty(living, () => Math.min(untilMs, this.#killAtMs));
    this.#families.prune();
    return leftovers;
  }
}
