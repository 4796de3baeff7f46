import type { Tell } from '../facts.ts';
import type { Clock } from '../host/host.ts';
import type { ChildName } from '../plan/spec.ts';
import { TROUBLE_EVERY_MS } from './limits.ts';

/** What goes wrong, in the log: at once, and then one line a second with how often it was. */
export class Trouble {
  readonly #child: ChildName;
  readonly #clock: Clock;
  readonly #tell: Tell;
  #count = 0;
  #why = '';
  #isQuiet = false;

  constructor(child: ChildName, clock: Clock, tell: Tell) {
    this.#child = child;
    this.#clock = clock;
    this.#tell = tell;
  }

  report(why: string): void {
    this.#why = why;
    this.#count += 1;
    if (this.#isQuiet) return;
    this.#say();
    this.#isQuiet = true;
    this.#clock.after(TROUBLE_EVERY_MS, () => {
      this.#isQuiet = false;
      if (this.#count > 0) this.#say();
    });
  }

  #say(): void {
    this.#tell({ fact: 'router-trouble', child: this.#child, why: this.#why, count: this.#count });
    this.#count = 0;
  }
}
