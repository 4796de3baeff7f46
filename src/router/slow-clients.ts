import type { Cancel, Clock } from '../host/host.ts';
import { SLOWEST_BYTES, SLOWEST_MS, STALLED_REPLY_MS } from './limits.ts';

/** A connection on which a client may be too slow. */
export type Watched = {
  /** Bytes of the request's body so far. */
  readonly received: number;
  /** It waits for the client's bytes, not for the upstream. */
  readonly isReceiving: boolean;
  /** Bytes of the reply that have gone out; null while there are none that wait. */
  readonly stalledAt: number | null;
  giveUp(): void;
};
type Since = { received: number; stalledAt: number | null; stalledForMs: number };

/** Ends what clients keep open without using it: a thread of puma waits behind each. */
export class SlowClients {
  readonly #clock: Clock;
  readonly #watched = new Map<Watched, Since>();
  #cancel: Cancel | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(one: Watched): void {
    if (!this.#watched.has(one)) this.#watched.set(one, { received: one.received, stalledAt: null, stalledForMs: 0 });
    this.#cancel ??= this.#clock.after(SLOWEST_MS, this.#look);
  }

  forget(one: Watched): void {
    if (this.#watched.delete(one) && this.#watched.size === 0) this.close();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  readonly #look = (): void => {
    this.#cancel = this.#clock.after(SLOWEST_MS, this.#look);
    for (const [one, since] of this.#watched) {
      const { stalledAt } = one;
      since.stalledForMs = stalledAt !== null && stalledAt === since.stalledAt ? since.stalledForMs + SLOWEST_MS : 0;
      since.stalledAt = stalledAt;
      const isSlow = one.isReceiving && one.received - since.received < SLOWEST_BYTES;
      since.received = one.received;
      if (isSlow || since.stalledForMs >= STALLED_REPLY_MS) one.giveUp();
    }
  };
}
