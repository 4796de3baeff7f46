import type { Settings } from './settings.ts';
import type { EnvironmentChange, Readiness } from './spec.ts';

/** socket: its own behind the router. port: its default where there is no router. path: what it answers once it is ready.
 * settleMs: how long it must have answered. */
type Server = { socket: string | null; port: number; path: string; settleMs: number };

/** Where a server listens: the variables that make it do so, and how it is seen to be ready. Behind the router nothing but its
 * socket is left to it, so that it cannot take the dyno's port from the router. */
export function listening(
  settings: Settings,
  { socket, port, path, settleMs }: Server,
): { env: EnvironmentChange; ready: Readiness } {
  if (socket !== null) {
    return { env: { SOCKET: socket, PORT: null, BIND: null }, ready: { by: 'http', at: { socket }, path, settleMs } };
  }
  const env: EnvironmentChange = settings.BIND === null ? { BIND: '0.0.0.0' } : {};
  if (settings.SOCKET !== null) return { env, ready: { by: 'http', at: { socket: settings.SOCKET }, path, settleMs } };
  const host = reachable(settings.BIND ?? '0.0.0.0');
  return { env, ready: { by: 'http', at: { host, port: settings.PORT ?? port }, path, settleMs } };
}

/** An IPv6 address without the brackets in which it may be set. */
export function bareAddress(bind: string): string {
  return bind.replace(/^\[(.*)\]$/, '$1');
}

/** Where to knock for a server that binds this address. */
function reachable(bind: string): string {
  const address = bareAddress(bind);
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
}
