import type { Settings } from '../config/settings.ts';
import type { EnvironmentChange, Readiness } from './spec.ts';

/** socket: its own, behind the router; null without a router. port: its default then. path: what it answers once it is ready.
 * settleMs: for how long it must have answered. */
type Server = { socket: string | null; port: number; path: string; settleMs: number };

/** Where a server listens: the variables that make it do so, and how its readiness is observed. Behind the router it gets nothing but its
 * socket, so that it cannot take the dyno's port from the router. */
export function listenAddress(
  settings: Settings,
  { socket, port, path, settleMs }: Server,
): { env: EnvironmentChange; ready: Readiness } {
  if (socket !== null) {
    return { env: { SOCKET: socket, PORT: null, BIND: null }, ready: { by: 'http', at: { socket }, path, settleMs } };
  }
  const env: EnvironmentChange = settings.BIND === null ? { BIND: '0.0.0.0' } : {};
  if (settings.SOCKET !== null) return { env, ready: { by: 'http', at: { socket: settings.SOCKET }, path, settleMs } };
  const host = reachableAddress(settings.BIND ?? '0.0.0.0');
  return { env, ready: { by: 'http', at: { host, port: settings.PORT ?? port }, path, settleMs } };
}

/** An IPv6 address without the brackets in which it may be set. */
export function bareAddress(bind: string): string {
  return bind.replace(/^\[(.*)\]$/, '$1');
}

/** The address at which to check a server that binds this one. */
function reachableAddress(bind: string): string {
  const address = bareAddress(bind);
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
}
