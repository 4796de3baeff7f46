import type { Clock, Leftovers } from '../host.ts';
import type { ProcessRow } from '../linux/processes.ts';
import { findCommand } from './find-command.ts';

/** How long a process that left the session of its child has to follow our TERM. */
const ESCAPED_GRACE_MS = 1000;
/** How long the kernel has to carry out a KILL before we go without it. */
const KILL_TIMEOUT_MS = 700;
const POLL_MS = 20;
/** What does not follow its TERM at once drains, and each look reads all of /proc. */
const SLOW_POLL_MS = 200;
const FAST_POLL_FOR_MS = 1000;
/** Who starts these is not who does the work: below a shell a TERM may never come, or only when all is over. */
const SHELLS: readonly string[] = ['sh', 'dash', 'bash', 'ash', 'zsh', 'busybox'];

/** TERM and KILL for what outlived its child, each once, whoever ends it: what one child left behind may still be going when all
 * that is ours is ended. */
export class Termination {
  readonly #clock: Clock;
  readonly #isInSession: (row: ProcessRow) => boolean;
  readonly #termSentAtMs = new Map<string, number>();
  readonly #killed = new Set<string>();

  /** isInSession: it is still in the session of a child. */
  constructor(clock: Clock, isInSession: (row: ProcessRow) => boolean) {
    this.#clock = clock;
    this.#isInSession = isInSession;
  }

  /** Until nobody lives, or the kernel has had its time since `killAtMs`, of which a late look may take all. Names those that it took part in ending, and not who has
   * come and gone with them. */
  async terminateAll(living: () => ProcessRow[], killAtMs: () => number): Promise<Leftovers> {
    const seen = new Map<string, ProcessRow>();
    const startedAtMs = this.#clock.now();
    const isOver = (): boolean => this.#clock.now() >= Math.max(killAtMs(), startedAtMs) + KILL_TIMEOUT_MS;
    for (let left = living(); left.length > 0; left = await this.#findAgain(living)) {
      this.#signalAll(left, killAtMs());
      for (const row of left) seen.set(idOf(row), row);
      if (isOver()) break; // not before: the look may have taken all the time that was left
      await this.#pause(startedAtMs, killAtMs());
    }
    const named = (is: (id: string) => boolean): string[] =>
      [...seen].flatMap(([id, row]) => (is(id) ? describeProcess(row) : []));
    return {
      ended: named((id) => this.#termSentAtMs.has(id) && !this.#killed.has(id)),
      killed: named((id) => this.#killed.has(id)),
    };
  }

  kill(row: ProcessRow): void {
    this.#killed.add(idOf(row));
    sendSignal(row.pid, 'SIGKILL');
  }

  /** Who ends at our TERM may leave an heir, and a look misses that in the moment of its fork or exec: so nobody is gone before
   * a later look finds nobody either. */
  async #findAgain(living: () => ProcessRow[]): Promise<ProcessRow[]> {
    const left = living();
    if (left.length > 0) return left;
    await this.#wait(POLL_MS);
    return living();
  }

  #pause(startedAtMs: number, killAtMs: number): Promise<void> {
    const nowMs = this.#clock.now();
    const slowMs = Math.min(SLOW_POLL_MS, Math.max(POLL_MS, killAtMs - nowMs));
    return this.#wait(nowMs - startedAtMs < FAST_POLL_FOR_MS ? POLL_MS : slowMs);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }

  #signalAll(left: readonly ProcessRow[], killAtMs: number): void {
    const rows = new Map(left.map((row) => [row.pid, row]));
    const isSheltered = ({ parent }: ProcessRow): boolean => {
      const above = rows.get(parent);
      return above !== undefined && (!SHELLS.includes(above.name) || isSheltered(above));
    };
    for (const row of left) {
      if (this.#clock.now() >= this.#killDeadline(row, killAtMs)) this.kill(row);
      else if (!isSheltered(row)) this.#terminate(row);
    }
  }

  #killDeadline(row: ProcessRow, killAtMs: number): number {
    const termedAtMs = this.#termSentAtMs.get(idOf(row));
    if (this.#isInSession(row) || termedAtMs === undefined) return killAtMs;
    return Math.min(killAtMs, termedAtMs + ESCAPED_GRACE_MS);
  }

  #terminate(row: ProcessRow): void {
    if (this.#termSentAtMs.has(idOf(row))) return;
    this.#termSentAtMs.set(idOf(row), this.#clock.now());
    sendSignal(row.pid, 'SIGTERM');
    sendSignal(row.pid, 'SIGCONT');
  }
}

/** Of this very process, whoever gets its pid later. */
function idOf({ pid, started }: ProcessRow): string {
  return `${pid} ${started}`;
}

export function describeProcess({ name, pid }: ProcessRow): string {
  return `${name} (pid ${pid})`;
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended meanwhile, or is not ours to signal
  }
}

/** SIGKILL for a process and its descendants as `ps` sees them: where there is no /proc to read ourselves.
 * Does nothing without the command that tree-kill runs along our own PATH, which would otherwise end us with an uncaught
 * error. */
export async function killTree(pid: number): Promise<void> {
  const lister = process.platform === 'darwin' ? 'pgrep' : 'ps';
  if ('error' in findCommand(lister, process.env.PATH, process.cwd())) return;
  const { default: treeKill } = await import('tree-kill');
  await new Promise<void>((resolve) => treeKill(pid, 'SIGKILL', () => resolve()));
}
