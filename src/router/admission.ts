import type { Cancel, Clock } from '../host.ts';
import type { DemandCommand } from '../commands.ts';
import type { Upstream as UpstreamPlan } from '../plan/spec.ts';
import { MAX_QUEUED, QUEUE_TIMEOUT_MS } from './limits.ts';

/** A request that needs an upstream. `onReady` or `onRejected` is called once, unless the request is released first. A
 * rejected request needs no release. */
export type Waiter = {
  onReady(): void;
  onRejected(reason: string): void;
};
export type AdmissionOptions = {
  upstream: UpstreamPlan;
  clock: Clock;
  sendCommand: (command: DemandCommand) => void;
  /** Called after each request that was released or rejected from the queue. */
  onRelease: () => void;
};

/** Tells a client why its request is rejected during a shutdown. */
export const STOPPING = 'the dyno is stopping';

/** Admits requests to one upstream while it is ready, and queues them while it is not. Reports the first and the last request to
 * the supervisor, so that an upstream on demand can be started and stopped. */
export class Admission {
  readonly #options: AdmissionOptions;
  /** Requests are admitted at once. */
  isOpen = false;
  isClosed = false;
  /** `idle` has to be reported once no request is active. */
  #isDraining = false;
  /** With the cancellation of their timeouts. */
  readonly #queue = new Map<Waiter, Cancel>();
  /** Requests that were admitted and not released. */
  #active = 0;
  #rejectUntilMs = -Infinity;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** No request is active or queued. */
  get isEmpty(): boolean {
    return this.#active + this.#queue.size === 0;
  }

  acquire(waiter: Waiter): void {
    if (this.isOpen) {
      this.#active += 1;
      if (this.#active === 1) this.#reportDemand();
      return waiter.onReady();
    }
    const reason = this.#rejectionReason();
    if (reason !== null) return waiter.onRejected(reason);
    const { clock, upstream } = this.#options;
    const timeOut = (): void => {
      this.#reject(waiter, `${upstream.child} was not ready within ${QUEUE_TIMEOUT_MS / 1000} s`);
    };
    this.#queue.set(waiter, clock.after(QUEUE_TIMEOUT_MS, timeOut));
    if (this.#queue.size === 1) this.#reportDemand();
  }

  /** Ends an admitted request, or takes a queued one out of the queue. waiter: may be left out for an admitted one. */
  release(waiter?: Waiter): void {
    const cancelTimeout = waiter && this.#queue.get(waiter);
    if (waiter && cancelTimeout) {
      cancelTimeout();
      this.#queue.delete(waiter);
    } else this.#active -= 1;
    this.#afterRelease();
  }

  /** The upstream is ready: admits all queued requests. */
  open(): void {
    if (this.isClosed) return;
    this.isOpen = true;
    this.#isDraining = false;
    const queued = [...this.#queue];
    this.#queue.clear();
    this.#active += queued.length;
    for (const [waiter, cancelTimeout] of queued) {
      cancelTimeout();
      waiter.onReady();
    }
  }

  /** The upstream is down or about to stop: queues new requests. */
  pause(): void {
    this.isOpen = false;
  }

  /** The upstream can start again: repeats the demand of the queued requests. */
  requestAgain(): void {
    if (this.#queue.size > 0) this.#reportDemand();
  }

  /** Queues new requests until the upstream is ready again, and reports `idle` after the last active one. */
  drain(): void {
    this.pause();
    this.#isDraining = true;
    this.#reportIfIdle();
  }

  /** Fails all queued requests, and rejects new ones for this long. */
  rejectQueued(reason: string, rejectNewForMs = 0): void {
    if (rejectNewForMs > 0) this.#rejectUntilMs = this.#options.clock.now() + rejectNewForMs;
    for (const waiter of [...this.#queue.keys()]) this.#reject(waiter, reason);
  }

  /** Ends queueing for good. New requests are admitted as long as the upstream is ready, and `idle` is reported once none is
   * active. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = this.#isDraining = true;
    this.rejectQueued(STOPPING);
    this.#reportIfIdle();
  }

  /** Why a request cannot be queued; null when it can. */
  #rejectionReason(): string | null {
    if (this.isClosed) return STOPPING;
    const { clock, upstream } = this.#options;
    if (clock.now() < this.#rejectUntilMs) return `${upstream.child} cannot start now`;
    return this.#queue.size >= MAX_QUEUED ? `${MAX_QUEUED} requests are already waiting for ${upstream.child}` : null;
  }

  #reject(waiter: Waiter, reason: string): void {
    this.#queue.get(waiter)?.();
    if (this.#queue.delete(waiter)) waiter.onRejected(reason);
    this.#afterRelease();
  }

  #afterRelease(): void {
    const { upstream, sendCommand, onRelease } = this.#options;
    if (this.isEmpty && upstream.onDemand && !this.isClosed)
      sendCommand({ type: 'demand-ended', child: upstream.child });
    this.#reportIfIdle();
    onRelease();
  }

  #reportIfIdle(): void {
    if (!this.#isDraining || this.#active > 0) return;
    this.#isDraining = false;
    this.#options.sendCommand({ type: 'idle', child: this.#options.upstream.child });
  }

  #reportDemand(): void {
    const { upstream, sendCommand } = this.#options;
    if (!upstream.onDemand || this.isClosed) return;
    sendCommand({ type: 'demand-started', child: upstream.child });
  }
}
