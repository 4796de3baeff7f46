import { clock } from './host/clock.ts';
import { makePrivateFolder, removePrivateFolder } from './host/private-folder.ts';
import type { Demand } from './measures.ts';
import type { RouterPlan } from './plan/spec.ts';
import type { Tell } from './facts.ts';
import type { Measures } from './supervisor/supervise.ts';
import type { Watched } from './watch-memory.ts';

/** A dyno's facts and measures with a router among them. */
export type Routed = Pick<Watched, 'tell' | 'measures'> & {
  /** Resolves when the last answer has gone out, and nothing of the router is left; at the latest at this time, or once there is
   * no more waiting. */
  close(atMs: number, hurry: Promise<void>): Promise<void>;
};

/** Opens the port of a dyno, before any child is started: it can be bound at once or not at all.
 * @returns what is in the way, as a sentence, where it cannot be. */
export async function routeDyno(plan: RouterPlan, { tell, measures, shortage }: Watched): Promise<Routed | string> {
  const { openRouter } = await import('./open-router.ts');
  const waiting: Demand[] = [];
  let take = (demand: Demand): void => void waiting.push(demand);
  try {
    makePrivateFolder(plan.folder);
  } catch (error) {
    return `${plan.folder} for the sockets of puma and streaming cannot be made: ${(error as Error).message}`;
  }
  try {
    const [router, at] = await openRouter({ plan, log: tell, sendCommand: (demand) => take(demand), shortage });
    tell({ fact: 'listening', at });
    return {
      tell: both(tell, (fact) => router.onEvent(fact)),
      measures: joined(measures, (taker) => {
        take = taker;
        for (const demand of waiting.splice(0)) taker(demand);
      }),
      async close(atMs, hurry) {
        await Promise.race([router.close(Math.max(0, atMs - clock.now())), hurry.then(() => router.close())]);
        removePrivateFolder(plan.folder);
      },
    };
  } catch (error) {
    removePrivateFolder(plan.folder);
    return inTheWay(error as NodeJS.ErrnoException, plan);
  }
}

function both(first: Tell, second: Tell): Tell {
  return (fact) => {
    first(fact);
    second(fact);
  };
}

/** The guard's measures, and who asks for what is behind the router. */
function joined(measures: Measures, connect: (take: (demand: Demand) => void) => void): Measures {
  return (take) => {
    connect(take);
    return measures(take);
  };
}

function inTheWay({ code = '', message }: NodeJS.ErrnoException, { port, bind }: RouterPlan): string {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT=${port}: expected a free port, and somebody listens there already`;
    case 'EACCES':
      return `PORT=${port}: expected a port that this user may listen on, such as one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `BIND=${String(bind)}: expected an address of this machine`;
    default:
      return `PORT=${port}: ${message}`;
  }
}
