import type { ChildName, Upstream } from '../plan/spec.ts';
import type { Clock } from '../host/host.ts';
import { Gate } from './gate.ts';
import { Pool } from './pool.ts';
import type { RouterOptions } from './router-options.ts';
import type { SlowClients } from './slow-clients.ts';
import { Trouble } from './trouble.ts';

/** All that there is on the way to one upstream. */
export type Way = {
  readonly child: ChildName;
  readonly onDemand: boolean;
  /** Its unix socket. */
  readonly socket: string;
  readonly gate: Gate;
  readonly pool: Pool;
  readonly trouble: Trouble;
  readonly slow: SlowClients;
  readonly clock: Clock;
  /** Replies that begin now say that their connection closes, unless another request is under way on it. */
  isDraining: boolean;
};

export function wayTo(
  upstream: Upstream,
  slow: SlowClients,
  { clock, tell, ask, shortage }: RouterOptions,
  left: () => void,
): Way {
  return {
    ...upstream,
    gate: new Gate({ upstream, clock, ask, shortage, left }),
    pool: new Pool(upstream.socket, upstream.keeps, clock),
    trouble: new Trouble(upstream.child, clock, tell),
    slow,
    clock,
    isDraining: false,
  };
}
