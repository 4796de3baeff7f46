import type { Cancel, Clock } from '../host/host.ts';
import { UPSTREAM_IDLE_AT_MOST, UPSTREAM_IDLE_MS } from './limits.ts';
import { UpstreamConnection } from './upstream-connection.ts';

/** The connections to one upstream. The last one used is the first to be used again: puma's thread may still look at it. */
export class Pool {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #idle: UpstreamConnection[] = [];
  #cancel: Cancel | null = null;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** fresh: one that cannot have been closed under us. */
  take(fresh: boolean): UpstreamConnection {
    while (!fresh) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (connection.isUsable) return connection;
    }
    return new UpstreamConnection(this.#path, this.#free);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  readonly #free = (connection: UpstreamConnection): void => {
    if (this.#idle.length >= UPSTREAM_IDLE_AT_MOST) return connection.destroy();
    connection.idleSinceMs = this.#clock.now();
    this.#idle.push(connection);
    this.#cancel ??= this.#clock.after(UPSTREAM_IDLE_MS, this.#closeOld);
  };

  readonly #closeOld = (): void => {
    this.#cancel = null;
    const now = this.#clock.now();
    const young = this.#idle.findIndex(({ idleSinceMs }) => now - idleSinceMs < UPSTREAM_IDLE_MS);
    for (const old of this.#idle.splice(0, young < 0 ? this.#idle.length : young)) old.destroy();
    const [first] = this.#idle;
    if (first) this.#cancel = this.#clock.after(first.idleSinceMs + UPSTREAM_IDLE_MS - now, this.#closeOld);
  };
}
