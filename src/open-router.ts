import { clock } from './host/clock.ts';
import { mostOpenFiles } from './host/open-files.ts';
import type { RouterOptions } from './router/router-options.ts';
import { Router } from './router/router.ts';

/** Files of our own beside the connections, and two for each: the client's and the upstream's. */
const FILES_OF_OURS = 100;
const MOST_CONNECTIONS = 10_000;

/** A router that takes connections, and where. A file of its own, loaded only where there is something to route.
 * Rejects with the error of the port. */
export async function openRouter(options: Omit<RouterOptions, 'clock' | 'mostConnections'>): Promise<[Router, string]> {
  const files = Math.floor((mostOpenFiles() - FILES_OF_OURS) / 2);
  const router = new Router({ ...options, clock, mostConnections: Math.max(1, Math.min(files, MOST_CONNECTIONS)) });
  return [router, await router.listen()];
}
