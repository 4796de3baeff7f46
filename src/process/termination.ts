import type { Clock, Leftovers } from '../host.ts';
import type { ProcessRow } from '../linux/processes.ts';
import { findCommand } from './find-command.ts';

/** Time between TERM and KILL for a process that has left the session of its child. */
const ESCAPED_GRACE_MS = 1000;
/** How long the kernel may take to carry out a KILL before we stop waiting. */
const KILL_TIMEOUT_MS = 700;
const POLL_INTERVAL_MS = 20;
/** A process that does not follow TERM at once is draining, and each scan reads all of /proc. */
const SLOW_POLL_INTERVAL_MS = 200;
const FAST_POLL_FOR_MS = 1000;
/** A shell rarely forwards TERM: the processes below it get one of their own. */
const SHELLS: readonly string[] = ['sh', 'dash', 'bash', 'ash', 'zsh', 'busybox'];

/** Sends TERM and KILL to processes that outlived their child. Each process gets each signal once: one that outlived a child may still
 * be draining when the whole dyno stops. */
export class Termination {
  readonly #clock: Clock;
  readonly #isInSession: (row: ProcessRow) => boolean;
  readonly #termSentAtMs = new Map<string, number>();
  readonly #killed = new Set<string>();

  /** isInSession: whether the process is still in the session of a child. */
  constructor(clock: Clock, isInSession: (row: ProcessRow) => boolean) {
    this.#clock = clock;
    this.#isInSession = isInSession;
  }

  /**
   * Resolves when no process is left, or when the kernel has had its time after `killAtMs`, even if a slow scan takes all of it.
   * Returns the processes that it sent a signal to, and not those that exited with their parents.
   */
  async terminateAll(findLiving: () => ProcessRow[], killAtMs: () => number): Promise<Leftovers> {
    const seen = new Map<string, ProcessRow>();
    const startedAtMs = this.#clock.now();
    const isTimeout = (): boolean => this.#clock.now() >= Math.max(killAtMs(), startedAtMs) + KILL_TIMEOUT_MS;
    for (let living = findLiving(); living.length > 0; living = await this.#findAgain(findLiving)) {
      this.#signalAll(living, killAtMs());
      for (const row of living) seen.set(idOf(row), row);
      if (isTimeout()) break; // only after the signals: the scan may have taken all the remaining time
      await this.#pause(startedAtMs, killAtMs());
    }
    const describeAll = (matches: (id: string) => boolean): string[] =>
      [...seen].flatMap(([id, row]) => (matches(id) ? describeProcess(row) : []));
    return {
      ended: describeAll((id) => this.#termSentAtMs.has(id) && !this.#killed.has(id)),
      killed: describeAll((id) => this.#killed.has(id)),
    };
  }

  kill(row: ProcessRow): void {
    this.#killed.add(idOf(row));
    sendSignal(row.pid, 'SIGKILL');
  }

  /** A process may fork while it exits, and one scan can miss the new child at its fork or exec: only two empty scans in a row mean
   * that the tree is gone. */
  async #findAgain(findLiving: () => ProcessRow[]): Promise<ProcessRow[]> {
    const living = findLiving();
    if (living.length > 0) return living;
    await this.#wait(POLL_INTERVAL_MS);
    return findLiving();
  }

  #pause(startedAtMs: number, killAtMs: number): Promise<void> {
    const nowMs = this.#clock.now();
    const slowMs = Math.min(SLOW_POLL_INTERVAL_MS, Math.max(POLL_INTERVAL_MS, killAtMs - nowMs));
    return this.#wait(nowMs - startedAtMs < FAST_POLL_FOR_MS ? POLL_INTERVAL_MS : slowMs);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }

  #signalAll(living: readonly ProcessRow[], killAtMs: number): void {
    const rows = new Map(living.map((row) => [row.pid, row]));
    const isLeftToParent = ({ parent }: ProcessRow): boolean => {
      const parentRow = rows.get(parent);
      return parentRow !== undefined && (!SHELLS.includes(parentRow.name) || isLeftToParent(parentRow));
    };
    for (const row of living) {
      if (this.#clock.now() >= this.#killDeadline(row, killAtMs)) this.kill(row);
      else if (!isLeftToParent(row)) this.#terminate(row);
    }
  }

  #killDeadline(row: ProcessRow, killAtMs: number): number {
    const termSentAtMs = this.#termSentAtMs.get(idOf(row));
    if (this.#isInSession(row) || termSentAtMs === undefined) return killAtMs;
    return Math.min(killAtMs, termSentAtMs + ESCAPED_GRACE_MS);
  }

  #terminate(row: ProcessRow): void {
    if (this.#termSentAtMs.has(idOf(row))) return;
    this.#termSentAtMs.set(idOf(row), this.#clock.now());
    sendSignal(row.pid, 'SIGTERM');
    sendSignal(row.pid, 'SIGCONT');
  }
}

/** Identifies a process even after its pid has been reused. */
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
    // It has exited, or we may not signal it.
  }
}

/**
 * Sends SIGKILL to a process and its descendants, as listed by `ps` or `pgrep`: for machines without /proc. Does nothing when that
 * command is not on our own PATH, because tree-kill would then end us with an uncaught error.
 */
export async function killTree(pid: number): Promise<void> {
  const listCommand = process.platform === 'darwin' ? 'pgrep' : 'ps';
  if ('error' in findCommand(listCommand, process.env.PATH, process.cwd())) return;
  const { default: treeKill } = await import('tree-kill');
  await new Promise<void>((resolve) => treeKill(pid, 'SIGKILL', () => resolve()));
}
