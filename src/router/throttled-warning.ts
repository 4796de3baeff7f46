import type { Log } from '../log/events.ts';
import type { Clock } from '../host.ts';
import type { ChildName } from '../plan/spec.ts';
import { WARNING_INTERVAL_MS } from './limits.ts';

/** Logs warnings about one upstream, or about the router itself. The first is logged at once. Those that follow within
 * WARNING_INTERVAL_MS become one line with their number and the last reason. */
export class ThrottledWarning {
  readonly #subject: ChildName;
  readonly #clock: Clock;
  readonly #log: Log;
  #count = 0;
  #reason = '';
  #isThrottled = false;

  constructor(subject: ChildName, clock: Clock, log: Log) {
    this.#subject = subject;
    this.#clock = clock;
    this.#log = log;
  }

  /** reason: continues a line that starts with the subject. */
  warn(reason: string): void {
    this.#reason = reason;
    this.#count += 1;
    if (this.#isThrottled) return;
    this.#write();
    this.#isThrottled = true;
    this.#clock.after(WARNING_INTERVAL_MS, () => {
      this.#isThrottled = false;
      if (this.#count > 0) this.#write();
    });
  }

  #write(): void {
    this.#log({ event: 'router-warning', child: this.#subject, reason: this.#reason, count: this.#count });
    this.#count = 0;
  }
}
