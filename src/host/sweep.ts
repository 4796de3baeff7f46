import type { ChildName } from '../plan/spec.ts';
import { Families } from './families.ts';
import type { Member } from './family-tree.ts';
import type { Cancel, Clock, Leftovers, ProcessId } from './host.ts';
import type { ProcessRow } from './processes.ts';

/** How long a process that left the session of its child has to follow our TERM. */
const STRAY_GRACE_MS = 1000;
/** How long the kernel has to carry out a KILL before we go without it. */
const KILL_TAKES_MS = 700;
const POLL_MS = 20;
/** What does not follow its TERM at once drains, and each look reads all of /proc. */
const SLOW_POLL_MS = 200;
const HURRY_MS = 1000;
const FIRST_LOOK_MS = 100;
const LOOK_EVERY_MS = 5000;
/** Who forks while its tree is killed leaves somebody to the next round. */
const ROUNDS = 5;

/** Keeps track of every process that comes from our children, and ends them. Only Linux has the /proc for it. */
export class Sweeper {
  readonly #families: Families;
  readonly #clock: Clock;
  readonly #sessions = new Set<number>();
  /** By whichever of those who end something at the same time: a child's leftovers may still go when the stop comes. When each
   * had its TERM, and who had a KILL. */
  readonly #termedAtMs = new Map<string, number>();
  readonly #killed = new Set<string>();
  #killAtMs = Infinity;
  #ending: Promise<Leftovers> | null = null;

  constructor(marker: string, clock: Clock) {
    this.#families = new Families(marker);
    this.#clock = clock;
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
    for (const row of left) this.#kill(row);
    return left.filter(({ pid }) => !children.has(pid)).map(describe);
  }

  /** SIGKILL for what lives of one child. */
  killTree(child: ChildName): void {
    const killed = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const left = this.#families.livingOf(child).filter(({ pid }) => !killed.has(pid));
      if (left.length === 0) return;
      for (const { pid } of left) {
        killed.add(pid);
        send(pid, 'SIGKILL');
      }
    }
  }

  /** Whether this very process lives and is one of ours. */
  has(target: ProcessId): boolean {
    return this.#families.has(target);
  }

  /** Ends everything of ours with TERM: whoever has no living parent among us, since what that one has started is its own
   * affair. What still is in the session of a child may be all its work, behind a start script that has ended: it gets until
   * `untilMs` to finish. What has left it is killed a second after its TERM. Called again, the earlier time holds. */
  end(untilMs: number): Promise<Leftovers> {
    this.#killAtMs = Math.min(this.#killAtMs, Math.max(untilMs, this.#clock.now()));
    this.#ending ??= this.#empty(
      () => this.#families.living(),
      () => this.#killAtMs,
    );
    return this.#ending;
  }

  /** The same for what outlived one child, whose pid is nobody's then. */
  async clear(child: ChildName, untilMs: number): Promise<Leftovers> {
    const living = (): ProcessRow[] => this.#families.livingOf(child);
    const leftovers = await this.#empty(living, () => Math.min(untilMs, this.#killAtMs));
    this.#families.prune();
    return leftovers;
  }

  async #empty(living: () => ProcessRow[], killAtMs: () => number): Promise<Leftovers> {
    const seen = new Map<string, ProcessRow>();
    const startedAtMs = this.#clock.now();
    const isOver = (): boolean => this.#clock.now() >= killAtMs() + KILL_TAKES_MS;
    for (let left = living(); left.length > 0 && !isOver(); left = living()) {
      this.#endAll(left, killAtMs());
      for (const row of left) seen.set(idOf(row), row);
      const pauseMs = this.#clock.now() - startedAtMs < HURRY_MS ? POLL_MS : SLOW_POLL_MS;
      await new Promise<void>((resolve) => this.#clock.after(pauseMs, resolve));
    }
    const named = (killed: boolean): string[] =>
      [...seen].flatMap(([id, row]) => (this.#killed.has(id) === killed ? describe(row) : []));
    return { ended: named(false), killed: named(true) };
  }

  #endAll(left: readonly ProcessRow[], killAtMs: number): void {
    const living = new Set(left.map(({ pid }) => pid));
    for (const row of left) {
      if (this.#clock.now() >= this.#lastMsOf(row, killAtMs)) this.#kill(row);
      else if (!living.has(row.parent)) this.#terminate(row);
    }
  }

  #lastMsOf(row: ProcessRow, killAtMs: number): number {
    const termedAtMs = this.#termedAtMs.get(idOf(row));
    if (this.#sessions.has(row.session) || termedAtMs === undefined) return killAtMs;
    return Math.min(killAtMs, termedAtMs + STRAY_GRACE_MS);
  }

  #terminate(row: ProcessRow): void {
    if (this.#termedAtMs.has(idOf(row))) return;
    this.#termedAtMs.set(idOf(row), this.#clock.now());
    send(row.pid, 'SIGTERM');
    send(row.pid, 'SIGCONT');
  }

  #kill(row: ProcessRow): void {
    this.#killed.add(idOf(row));
    send(row.pid, 'SIGKILL');
  }
}

/** Of this very process, whoever gets its pid later. */
function idOf({ pid, started }: ProcessRow): string {
  return `${pid} ${started}`;
}

function describe({ name, pid }: ProcessRow): string {
  return `${name} (pid ${pid})`;
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended meanwhile, or is not ours to signal
  }
}
