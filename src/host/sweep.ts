import type { Cancel, Clock, Leftovers } from './host.ts';
import { findKin, remember, type Known } from './kin.ts';
import { carries, readDescendants, readProcess, readProcesses, type ProcessRow } from './processes.ts';

/** How long a process that outlived the children has to follow our TERM. */
const LEFTOVER_GRACE_MS = 1000;
/** How long the kernel has to carry out a KILL before we go without it. */
const KILL_TAKES_MS = 700;
const POLL_MS = 20;
const FIRST_LOOK_MS = 100;
const LOOK_EVERY_MS = 5000;
/** So many are remembered before the ended ones are sorted out, which takes a look at every process of the dyno. */
const KNOWN_MOST = 256;

/** Keeps track of every process that comes from our children, and ends them. Only Linux has the /proc for it. */
export class Sweeper {
  readonly #marker: string;
  readonly #clock: Clock;
  #known: Known = new Map();

  constructor(marker: string, clock: Clock) {
    this.#marker = marker;
    this.#clock = clock;
  }

  /** A child that we started: it leads a session of its own. */
  add(pid: number): void {
    const row = readProcess(pid);
    if (row !== null) this.#known = new Map(this.#known).set(pid, row.started);
  }

  /** Remembers the descendants while their parents live, soon and then every few seconds, until cancelled. */
  watch(everyMs = FIRST_LOOK_MS): Cancel {
    let cancel: Cancel = () => {};
    const timer = setTimeout(() => {
      this.glance();
      cancel = this.watch(Math.min(LOOK_EVERY_MS, 2 * everyMs));
    }, everyMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
      cancel();
    };
  }

  /** @returns what was killed beside these children, as `name (pid 12)` */
  kill(children: ReadonlySet<number>): string[] {
    const left = this.#left();
    for (const { pid } of left) send(pid, 'SIGKILL');
    return left.filter(({ pid }) => !children.has(pid)).map(describe);
  }

  async end(untilMs: number): Promise<Leftovers> {
    const termed = new Map<number, ProcessRow>();
    const killed = new Map<number, ProcessRow>();
    const killAtMs = Math.min(untilMs, this.#clock.now() + LEFTOVER_GRACE_MS);
    const giveUpAtMs = Math.max(untilMs, this.#clock.now()) + KILL_TAKES_MS;
    for (let left = this.#left(); left.length > 0 && this.#clock.now() < giveUpAtMs; left = this.#left()) {
      const late = this.#clock.now() >= killAtMs;
      for (const row of left) if (late || !termed.has(row.pid)) this.#end(row, late ? killed : termed, late);
      await new Promise<void>((resolve) => this.#clock.after(POLL_MS, resolve));
    }
    for (const pid of killed.keys()) termed.delete(pid);
    return { ended: [...termed.values()].map(describe), killed: [...killed.values()].map(describe) };
  }

  #end(row: ProcessRow, list: Map<number, ProcessRow>, late: boolean): void {
    list.set(row.pid, row);
    send(row.pid, late ? 'SIGKILL' : 'SIGTERM');
    if (!late) send(row.pid, 'SIGCONT');
  }

  glance(): void {
    if (this.#known.size > KNOWN_MOST) this.#look(() => false);
    const rows = [...this.#known.keys()].flatMap((pid) =>
      this.#isKnown(readProcess(pid)) ? readDescendants(pid) : [],
    );
    this.#known = new Map([...this.#known, ...rows.map(({ pid, started }): [number, string] => [pid, started])]);
  }

  #isKnown(row: ProcessRow | null): boolean {
    return row !== null && this.#known.get(row.pid) === row.started;
  }

  /** Looks twice before it says that nobody is left: one that forks and ends while we read /proc hands on what a single
   * look may miss. */
  #left(): ProcessRow[] {
    const known = this.#known;
    const left = this.#living();
    if (left.length > 0) return left;
    this.#known = known;
    return this.#living();
  }

  #living(): ProcessRow[] {
    return this.#look((pid) => carries(pid, this.#marker)).filter(({ zombie }) => !zombie);
  }

  #look(marked: (pid: number) => boolean): ProcessRow[] {
    const kin = findKin(readProcesses(), this.#known, marked, process.pid);
    this.#known = remember(this.#known, kin);
    return kin;
  }
}

function describe({ name, pid }: ProcessRow): string {
  return `${name} (pid ${pid})`;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended meanwhile, or is not ours to signal
  }
}
