import type { ChildName } from '../plan/spec.ts';
import { Families } from './families.ts';
import type { Member } from './family-tree.ts';
import type { Cancel, Clock, Leftovers, ProcessId } from './host.ts';
import type { ProcessRow } from './processes.ts';

/** How long a process that outlived the children has to follow our TERM. */
const LEFTOVER_GRACE_MS = 1000;
/** How long the kernel has to carry out a KILL before we go without it. */
const KILL_TAKES_MS = 700;
const POLL_MS = 20;
const FIRST_LOOK_MS = 100;
const LOOK_EVERY_MS = 5000;
/** Who forks while its tree is killed leaves somebody to the next round. */
const ROUNDS = 5;

/** Keeps track of every process that comes from our children, and ends them. Only Linux has the /proc for it. */
export class Sweeper {
  readonly #families: Families;
  readonly #clock: Clock;

  constructor(marker: string, clock: Clock) {
    this.#families = new Families(marker);
    this.#clock = clock;
  }

  /** What we started: it leads a session of its own. child: '' for a one-shot command. */
  add(pid: number, child: ChildName = ''): void {
    this.#families.add(pid, child);
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
    for (const { pid } of left) send(pid, 'SIGKILL');
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

  /** Ends everything of ours: TERM, a second later KILL, KILL at once when `untilMs` is over. */
  end(untilMs: number): Promise<Leftovers> {
    const now = this.#clock.now();
    const killAtMs = Math.min(untilMs, now + LEFTOVER_GRACE_MS);
    return this.#empty(() => this.#families.living(), killAtMs, Math.max(untilMs, now) + KILL_TAKES_MS);
  }

  /** Ends what outlived one child: TERM, and KILL at `killAtMs`. Its pid is nobody's then. */
  async clear(child: ChildName, killAtMs: number): Promise<Leftovers> {
    const leftovers = await this.#empty(() => this.#families.livingOf(child), killAtMs, killAtMs + KILL_TAKES_MS);
    this.#families.prune();
    return leftovers;
  }

  async #empty(living: () => ProcessRow[], killAtMs: number, giveUpAtMs: number): Promise<Leftovers> {
    const termed = new Map<number, ProcessRow>();
    const killed = new Map<number, ProcessRow>();
    for (let left = living(); left.length > 0 && this.#clock.now() < giveUpAtMs; left = living()) {
      const late = this.#clock.now() >= killAtMs;
      for (const row of left) if (late || !termed.has(row.pid)) end(row, late ? killed : termed, late);
      await new Promise<void>((resolve) => this.#clock.after(POLL_MS, resolve));
    }
    for (const pid of killed.keys()) termed.delete(pid);
    return { ended: [...termed.values()].map(describe), killed: [...killed.values()].map(describe) };
  }
}

function end(row: ProcessRow, list: Map<number, ProcessRow>, late: boolean): void {
  list.set(row.pid, row);
  send(row.pid, late ? 'SIGKILL' : 'SIGTERM');
  if (!late) send(row.pid, 'SIGCONT');
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
