import type { Fact, Tell } from '../facts.ts';
import type { Cancel, Clock } from '../host/host.ts';
import type { Demand } from '../measures.ts';
import type { ChildName, Upstream as UpstreamPlan } from '../plan/spec.ts';
import { Admission } from './admission.ts';
import type { ClientTimeouts } from './client-timeouts.ts';
import { REJECT_FOR_MS, UPSTREAM_IDLE_MS } from './limits.ts';
import { ThrottledWarning } from './throttled-warning.ts';
import { UpstreamConnection } from './upstream-connection.ts';

export type UpstreamOptions = {
  clock: Clock;
  log: Tell;
  /** Asks the supervisor for something that concerns a child. */
  sendCommand: (command: Demand) => void;
  /** Why there is too little memory to start another child now; null when there is enough. */
  shortage: () => string | null;
};

/** One server behind the router, and everything that its requests share. */
export class Upstream {
  readonly child: ChildName;
  readonly onDemand: boolean;
  /** The path of its unix socket. */
  readonly socketPath: string;
  readonly admission: Admission;
  readonly pool: ConnectionPool;
  readonly warning: ThrottledWarning;
  readonly timeouts: ClientTimeouts;
  readonly clock: Clock;
  /** Responses that begin now carry `Connection: close`, unless another request waits on the same connection. */
  isStopping = false;

  constructor(plan: UpstreamPlan, timeouts: ClientTimeouts, options: UpstreamOptions, onRelease: () => void) {
    const { clock, log, sendCommand, shortage } = options;
    this.child = plan.child;
    this.onDemand = plan.onDemand;
    this.socketPath = plan.socket;
    this.admission = new Admission({ upstream: plan, clock, sendCommand, shortage, onRelease });
    this.pool = new ConnectionPool(plan.socket, plan.keeps, clock);
    this.warning = new ThrottledWarning(plan.child, clock, log);
    this.timeouts = timeouts;
    this.clock = clock;
  }

  /** Applies what happened to a child, if it is the one of this upstream. */
  onEvent(event: Fact): void {
    if ('child' in event && event.child === this.child) applyEvent(event, this.admission);
  }
}

/** After these the child is not ready, or about to stop. A child that is only assumed ready is not in the list, since it
 * can still be observed ready. */
const NOT_READY_EVENTS: readonly Fact['fact'][] = ['started', 'resting', 'restarting', 'saving', 'ended'];

/** The only place that derives the state of an upstream from events. */
function applyEvent(event: Fact, admission: Admission): void {
  if (event.fact === 'ready') admission.open();
  if (NOT_READY_EVENTS.includes(event.fact)) admission.pause();
  if (event.fact === 'ended' || event.fact === 'available') admission.requestAgain();
  if (event.fact === 'recycling') admission.drain();
  if (event.fact === 'not-woken') admission.rejectQueued(event.why, REJECT_FOR_MS);
}

/** The connections to one upstream. Each connection that puma keeps occupies one of its threads, for a fifth of a second and for as
 * long as more requests come on it. With more requests in flight than threads, those on other connections then wait for seconds
 * (measured). So puma is asked to keep as many connections as it has threads, and none while more requests are in flight: then
 * all wait in one queue. The connection used last is reused first, since a thread of puma may still be reading it. */
class ConnectionPool {
  readonly #path: string;
  readonly #maxKept: number;
  readonly #clock: Clock;
  /** The longest idle first. */
  readonly #idle: UpstreamConnection[] = [];
  #busy = 0;
  #cancel: Cancel | null = null;

  constructor(path: string, maxKept: number, clock: Clock) {
    this.#path = path;
    this.#maxKept = maxKept;
    this.#clock = clock;
  }

  /** isFresh: a new connection, which the upstream cannot have closed already. */
  take(isFresh: boolean): UpstreamConnection {
    this.#busy += 1;
    const isKeptAlive = this.#busy <= this.#maxKept;
    while (isKeptAlive && !isFresh) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (connection.isUsable) return connection;
    }
    return new UpstreamConnection(this.#path, isKeptAlive);
  }

  /** Has to be called once for each connection taken. */
  giveBack(connection: UpstreamConnection): void {
    const isKept = connection.release() && this.#busy <= this.#maxKept;
    this.#busy -= 1;
    if (!isKept) return connection.destroy();
    connection.idleSinceMs = this.#clock.now();
    this.#idle.push(connection);
    this.#cancel ??= this.#clock.after(UPSTREAM_IDLE_MS, this.#closeExpired);
  }

  /** Closes the idle connections. */
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
