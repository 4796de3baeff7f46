import { clock } from './host/clock.ts';
import { Router, type RouterOptions } from './router/router.ts';

/** A router that takes connections, and where. A file of its own, loaded only where there is something to route.
 * Rejects with the error of the port. */
export async function openRouter(options: Omit<RouterOptions, 'clock'>): Promise<[Router, string]> {
  const router = new Router({ ...options, clock });
  return [router, await router.listen()];
}
