import type { Cancel, Clock } from '../host/host.ts';
import { SLOWEST_BYTES, SLOWEST_MS, STALLED_AT_A_STOP_MS, STALLED_REPLY_MS } from './limits.ts';

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
/** What it was, and since when. */
type Since = { received: number; receivedAtMs: number; stalledAt: number | null; stalledSinceMs: number };

/** Ends what clients keep open without using it: a thread of puma waits behind each. */
export class SlowClients {
  readonly #clock: Clock;
  readonly #watched = new Map<Watched, Since>();
  #cancel: Cancel | null = null;
  #stalledAtMostMs = STALLED_REPLY_MS;
  #lookEveryMs = SLOWEST_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(one: Watched): void {
    const now = this.#clock.now();
    const since = { received: one.received, receivedAtMs: now, stalledAt: null, stalledSinceMs: now };
    if (!this.#watched.has(one)) this.#watched.set(one, since);
    this.#cancel ??= this.#clock.after(this.#lookEveryMs, this.#look);
  }

  /** From now on a client that takes nothing has little time: a stop waits for it. */
  hurry(): void {
    this.#stalledAtMostMs = STALLED_AT_A_STOP_MS;
    this.#lookEveryMs = 1000;
    for (const since of this.#watched.values()) since.stalledSinceMs = this.#clock.now();
    if (this.#watched.size === 0) return;
    this.close();
    this.#cancel = this.#clock.after(this.#lookEveryMs, this.#look);
  }

  forget(one: Watched): void {
    if (this.#watched.delete(one) && this.#watched.size === 0) this.close();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  readonly #look = (): void => {
    this.#cancel = this.#clock.after(this.#lookEveryMs, this.#look);
    const now = this.#clock.now();
    for (const [one, since] of this.#watched) {
      if (this.#isStalled(one, since, now) || isTrickling(one, since, now)) one.giveUp();
    }
  };

  #isStalled({ stalledAt }: Watched, since: Since, now: number): boolean {
    if (stalledAt === null || stalledAt !== since.stalledAt) Object.assign(since, { stalledAt, stalledSinceMs: now });
    return stalledAt !== null && now - since.stalledSinceMs >= this.#stalledAtMostMs;
  }
}

function isTrickling({ isReceiving, received }: Watched, since: Since, now: number): boolean {
  if (isReceiving && now - since.receivedAtMs < SLOWEST_MS) return false;
  const isTooLittle = isReceiving && received - since.received < SLOWEST_BYTES;
  Object.assign(since, { received, receivedAtMs: now });
  return isTooLittle;
}
