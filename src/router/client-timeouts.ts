import type { Cancel, Clock } from '../host.ts';
import {
  MIN_UPLOAD_BYTES,
  STALL_TIMEOUT_MS,
  STOPPING_CHECK_MS,
  STOPPING_STALL_TIMEOUT_MS,
  UPLOAD_WINDOW_MS,
} from './limits.ts';

/** A transfer that a slow client can hold up. */
export type ClientTransfer = {
  /** Bytes of the request body received so far. */
  readonly received: number;
  /** The transfer waits for bytes of the client, not for the upstream. */
  readonly isReceiving: boolean;
  /** While sent bytes wait for the client: how many have left the router so far. Else null. */
  readonly stalledAt: number | null;
  /** The client was too slow. */
  timeOut(): void;
};
type Progress = { received: number; receivedAtMs: number; stalledAt: number | null; stalledSinceMs: number };

/** Ends transfers whose client sends or reads too slowly: each occupies a thread of puma. One timer serves all of them. */
export class ClientTimeouts {
  readonly #clock: Clock;
  readonly #watched = new Map<ClientTransfer, Progress>();
  #cancelCheck: Cancel | null = null;
  #stallTimeoutMs = STALL_TIMEOUT_MS;
  #checkEveryMs = UPLOAD_WINDOW_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(transfer: ClientTransfer): void {
    const now = this.#clock.now();
    const progress = { received: transfer.received, receivedAtMs: now, stalledAt: null, stalledSinceMs: now };
    if (!this.#watched.has(transfer)) this.#watched.set(transfer, progress);
    this.#cancelCheck ??= this.#clock.after(this.#checkEveryMs, this.#check);
  }

  unwatch(transfer: ClientTransfer): void {
    if (this.#watched.delete(transfer) && this.#watched.size === 0) this.close();
  }

  /** The dyno stops: from now on STOPPING_STALL_TIMEOUT_MS applies to responses. */
  shorten(): void {
    this.#stallTimeoutMs = STOPPING_STALL_TIMEOUT_MS;
    this.#checkEveryMs = STOPPING_CHECK_MS;
    for (const progress of this.#watched.values()) progress.stalledSinceMs = this.#clock.now();
    if (this.#watched.size === 0) return;
    this.close();
    this.#cancelCheck = this.#clock.after(this.#checkEveryMs, this.#check);
  }

  close(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = null;
  }

  readonly #check = (): void => {
    this.#cancelCheck = this.#clock.after(this.#checkEveryMs, this.#check);
    const now = this.#clock.now();
    for (const [transfer, progress] of this.#watched) {
      const isStalled = stalledForMs(transfer, progress, now) >= this.#stallTimeoutMs;
      if (isStalled || isUploadTooSlow(transfer, progress, now)) transfer.timeOut();
    }
  };
}

/** How long not a byte has left the router although some wait; 0 where none wait. Updates the progress. */
function stalledForMs({ stalledAt }: ClientTransfer, progress: Progress, now: number): number {
  if (stalledAt === null || stalledAt !== progress.stalledAt)
    Object.assign(progress, { stalledAt, stalledSinceMs: now });
  return now - progress.stalledSinceMs;
}

/** Judges the upload once per UPLOAD_WINDOW_MS, and updates the progress then. */
function isUploadTooSlow({ isReceiving, received }: ClientTransfer, progress: Progress, now: number): boolean {
  if (isReceiving && now - progress.receivedAtMs < UPLOAD_WINDOW_MS) return false;
  const isTooSlow = isReceiving && received - progress.received < MIN_UPLOAD_BYTES;
  Object.assign(progress, { received, receivedAtMs: now });
  return isTooSlow;
}
