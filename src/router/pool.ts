import type { Cancel, Clock } from '../host/host.ts';
import { UPSTREAM_IDLE_MS } from './limits.ts';
import { UpstreamConnection } from './upstream-connection.ts';

/** The connections to one upstream. One that puma keeps for the next request holds one of its threads, for a fifth of a second
 * and as long as more comes on it; with more requests in flight than threads, those on other connections then wait for
 * seconds (measured). So it is asked to keep as many as it has threads, and none while there are more: then all stand in
 * one line. The last one used is the first to be used again, since puma's thread may still look at it. */
export class Pool {
  readonly #path: string;
  readonly #keeps: number;
  readonly #clock: Clock;
  readonly #idle: UpstreamConnection[] = [];
  #busy = 0;
  #cancel: Cancel | null = null;

  constructor(path: string, keeps: number, clock: Clock) {
    this.#path = path;
    this.#keeps = keeps;
    this.#clock = clock;
  }

  /** fresh: one that cannot have been closed under us. */
  take(fresh: boolean): UpstreamConnection {
    this.#busy += 1;
    const isKept = this.#busy <= this.#keeps;
    while (isKept && !fresh) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (connection.isUsable) return connection;
    }
    return new UpstreamConnection(this.#path, isKept);
  }

  /** Each that was taken comes back, once. */
  giveBack(connection: UpstreamConnection): void {
    const isUsable = connection.release() && this.#busy <= this.#keeps;
    this.#busy -= 1;
    if (!isUsable) return connection.destroy();
    connection.idleSinceMs = this.#clock.now();
    this.#idle.push(connection);
    this.#cancel ??= this.#clock.after(UPSTREAM_IDLE_MS, this.#closeOld);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  readonly #closeOld = (): void => {
    this.#cancel = null;
    const now = this.#clock.now();
    const young = this.#idle.findIndex(({ idleSinceMs }) => now - idleSinceMs < UPSTREAM_IDLE_MS);
    for (const old of this.#idle.splice(0, young < 0 ? this.#idle.length : young)) old.destroy();
    const [first] = this.#idle;
    if (first) this.#cancel = this.#clock.after(first.idleSinceMs + UPSTREAM_IDLE_MS - now, this.#closeOld);
  };
}
