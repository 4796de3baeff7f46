import type { Tell } from '../facts.ts';
import type { Clock } from '../host/host.ts';
import type { Demand } from '../measures.ts';
import type { RouterPlan } from '../plan/spec.ts';

export type RouterOptions = {
  plan: RouterPlan;
  clock: Clock;
  tell: Tell;
  /** What is wanted of the children. */
  ask: (demand: Demand) => void;
  /** Why there is no memory to start another child now; null when there is. */
  shortage: () => string | null;
};
