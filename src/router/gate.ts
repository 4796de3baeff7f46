import type { Cancel, Clock } from '../host/host.ts';
import type { Demand } from '../measures.ts';
import type { Upstream } from '../plan/spec.ts';
import { HOLD_AT_MOST, HOLD_AT_MOST_MS, REFUSED_FOR_MS } from './limits.ts';

/** Who wants to an upstream. Each leaves once, unless it was refused. */
export type Visitor = {
  /** The upstream is up. */
  enter(): void;
  /** It is not, and will not be in time. */
  refuse(why: string): void;
};
export type GateOptions = {
  upstream: Upstream;
  clock: Clock;
  ask: (demand: Demand) => void;
  /** Why there is no memory to start it now. */
  shortage: () => string | null;
  /** Somebody has left. */
  left: () => void;
};

/** The way to one upstream: open while that is up; else visitors wait, not too many and not too long. Knows when the first
 * comes and the last leaves. */
export class Gate {
  readonly #options: GateOptions;
  #isOpen = false;
  #isClosing = false;
  /** What is waited for before somebody is told that nobody is inside. */
  #awaitsEmpty = false;
  readonly #held = new Map<Visitor, Cancel>();
  #inside = 0;
  #refusedUntilMs = -Infinity;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#inside + this.#held.size === 0;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** For good. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  admit(visitor: Visitor): void {
    if (this.#isOpen) {
      this.#inside += 1;
      if (this.#inside === 1) this.#want();
      return visitor.enter();
    }
    const not = this.#whyNotHeld();
    if (not !== null) return visitor.refuse(not);
    const { clock, upstream } = this.#options;
    const late = (): void => this.#turnAway(visitor, `${upstream.child} was not ready in time`);
    this.#held.set(visitor, clock.after(HOLD_AT_MOST_MS, late));
    if (this.#held.size === 1) this.#want();
  }

  leave(visitor: Visitor): void {
    const cancel = this.#held.get(visitor);
    if (cancel === undefined) this.#inside -= 1;
    else {
      cancel();
      this.#held.delete(visitor);
    }
    this.#afterLeaving();
  }

  /** It is up. */
  open(): void {
    if (this.#isClosing) return;
    this.#isOpen = true;
    this.#awaitsEmpty = false;
    const waiting = [...this.#held];
    this.#held.clear();
    this.#inside += waiting.length;
    for (const [visitor, cancel] of waiting) {
      cancel();
      visitor.enter();
    }
  }

  /** It is down, or about to be: from now on visitors wait. */
  shut(): void {
    this.#isOpen = false;
  }

  /** It ended: whoever waits wants it again. */
  renew(): void {
    if (this.#held.size > 0) this.#want();
  }

  /** Nobody new gets in until it is up again; `drained` is asked when the last has left. */
  quiet(): void {
    this.shut();
    this.#awaitsEmpty = true;
    this.#tellEmpty();
  }

  /** Whoever waits has waited in vain, and so has who comes soon. */
  refuse(why: string): void {
    this.#refusedUntilMs = this.#options.clock.now() + REFUSED_FOR_MS;
    for (const visitor of [...this.#held.keys()]) this.#turnAway(visitor, why);
  }

  /** For good: nobody waits any more, who comes now is served as long as it is up. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = this.#awaitsEmpty = true;
    this.dismiss();
    this.#tellEmpty();
  }

  /** Whoever waits does so in vain: the dyno stops. */
  dismiss(): void {
    for (const visitor of [...this.#held.keys()]) this.#turnAway(visitor, 'stopping');
  }

  #whyNotHeld(): string | null {
    if (this.#isClosing) return 'stopping';
    const { clock, upstream } = this.#options;
    if (clock.now() < this.#refusedUntilMs) return `${upstream.child} is not started now`;
    return this.#held.size >= HOLD_AT_MOST ? `${HOLD_AT_MOST} requests wait for ${upstream.child} already` : null;
  }

  #turnAway(visitor: Visitor, why: string): void {
    this.#held.get(visitor)?.();
    if (this.#held.delete(visitor)) visitor.refuse(why);
    this.#afterLeaving();
  }

  #afterLeaving(): void {
    if (this.isEmpty) this.#unwant();
    this.#tellEmpty();
    this.#options.left();
  }

  #tellEmpty(): void {
    if (!this.#awaitsEmpty || this.#inside > 0) return;
    this.#awaitsEmpty = false;
    this.#options.ask({ type: 'drained', child: this.#options.upstream.child });
  }

  #want(): void {
    const { upstream, ask, shortage } = this.#options;
    if (!upstream.onDemand || this.#isClosing) return;
    ask({ type: 'wanted', child: upstream.child, shortage: this.#isOpen ? null : shortage() });
  }

  #unwant(): void {
    const { upstream, ask } = this.#options;
    if (upstream.onDemand && !this.#isClosing) ask({ type: 'unwanted', child: upstream.child });
  }
}
