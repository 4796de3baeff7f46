import type { ChildChanged, DemandCommand, SupervisorEvent } from '../commands.ts';
import type { Cancel, Clock } from '../host.ts';
import type { Log } from '../log/events.ts';
import type { ChildName, Upstream as UpstreamPlan } from '../plan/spec.ts';
import { Admission } from './admission.ts';
import type { ClientTimeouts } from './client-timeouts.ts';
import { REJECT_FOR_MS, UPSTREAM_IDLE_MS, WARNING_INTERVAL_MS } from './limits.ts';
import { UpstreamConnection } from './upstream-connection.ts';

export type UpstreamOptions = {
  clock: Clock;
  log: Log;
  sendCommand: (command: DemandCommand) => void;
};

/** reason: continues a line that starts with the subject. */
type Warn = (reason: string) => void;

/** Logs warnings about one upstream, or about the router itself. The first is logged at once. Those that follow within
 * WARNING_INTERVAL_MS become one line with their number and the last reason. */
export function throttledWarning(child: ChildName, clock: Clock, log: Log): Warn {
  let [reason, count, isThrottled] = ['', 0, false];
  const write = (): void => {
    log({ event: 'router-warning', child, reason, count });
    count = 0;
  };
  return (newReason) => {
    reason = newReason;
    count += 1;
    if (isThrottled) return;
    write();
    isThrottled = true;
    clock.after(WARNING_INTERVAL_MS, () => {
      isThrottled = false;
      if (count > 0) write();
    });
  };
}

/** One server behind the router, and everything that its requests share. */
export class Upstream {
  readonly plan: UpstreamPlan;
  readonly admission: Admission;
  readonly pool: ConnectionPool;
  readonly warn: Warn;
  readonly timeouts: ClientTimeouts;
  readonly clock: Clock;
  /** Responses that begin now carry `Connection: close`, unless another request waits on the same connection. */
  isStopping = false;

  constructor(plan: UpstreamPlan, timeouts: ClientTimeouts, options: UpstreamOptions, onRelease: () => void) {
    const { clock, log, sendCommand } = options;
    this.plan = plan;
    this.admission = new Admission({ upstream: plan, clock, sendCommand, onRelease });
    this.pool = new ConnectionPool(plan, clock);
    this.warn = throttledWarning(plan.child, clock, log);
    this.timeouts = timeouts;
    this.clock = clock;
  }

  onEvent(event: Exclude<SupervisorEvent, { type: 'dyno-stopping' }>): void {
    if (event.child !== this.plan.child) return;
    switch (event.type) {
      case 'child-changed':
        return this.#onChildChanged(event);
      case 'startable':
        return this.admission.requestAgain();
      case 'start-denied':
        return this.admission.rejectQueued(event.reason, REJECT_FOR_MS);
    }
  }

  #onChildChanged({ state, readiness }: ChildChanged): void {
    if (state === 'quieting') return this.admission.drain();
    if (state !== 'ready') this.admission.pause();
    else if (readiness === 'observed') this.admission.open(); // an assumed one may still be seen to become ready
    if (state === 'cleaning-up' || state === 'exited') this.admission.requestAgain();
  }
}

/** The connections to one upstream. Each connection that puma keeps occupies one of its threads, for a fifth of a second and for as
 * long as more requests come on it. With more requests in flight than threads, those on other connections then wait for seconds
 * (measured). So puma is asked to keep as many connections as it has threads, and none while more requests are in flight: then
 * all wait in one queue. The connection used last is reused first, since a thread of puma may still be reading it. */
class ConnectionPool {
  readonly #plan: UpstreamPlan;
  readonly #clock: Clock;
  /** The longest idle first. */
  readonly #idle: UpstreamConnection[] = [];
  #busy = 0;
  #cancel: Cancel | null = null;

  constructor(plan: UpstreamPlan, clock: Clock) {
    this.#plan = plan;
    this.#clock = clock;
  }

  /** isFresh: a new connection, which the upstream cannot have closed already. */
  take(isFresh: boolean): UpstreamConnection {
    this.#busy += 1;
    const isKeptAlive = this.#busy <= this.#plan.maxKeptConnections;
    while (isKeptAlive && !isFresh) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (connection.isUsable) return connection;
    }
    return new UpstreamConnection(this.#plan.socket, isKeptAlive);
  }

  /** Has to be called once for each connection taken. */
  giveBack(connection: UpstreamConnection): void {
    const isKept = connection.release() && this.#busy <= this.#plan.maxKeptConnections;
    this.#busy -= 1;
    if (!isKept) return connection.destroy();
    connection.idleSinceMs = this.#clock.now();
    this.#idle.push(connection);
    this.#cancel ??= this.#clock.after(UPSTREAM_IDLE_MS, this.#closeExpired);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  readonly #closeExpired = (): void => {
    this.#cancel = null;
    const now = this.#clock.now();
    const firstValid = this.#idle.findIndex(({ idleSinceMs }) => now - idleSinceMs < UPSTREAM_IDLE_MS);
    const expired = this.#idle.splice(0, firstValid < 0 ? this.#idle.length : firstValid);
    for (const connection of expired) connection.destroy();
    const [first] = this.#idle;
    if (first) this.#cancel = this.#clock.after(first.idleSinceMs + UPSTREAM_IDLE_MS - now, this.#closeExpired);
  };
}
