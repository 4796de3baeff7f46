import type { Settings } from '../config/settings.ts';
import type { EnvironmentChange, Readiness } from './spec.ts';

/** socket: its own socket behind the router; null without a router. port: its default port without a router. path:
 * answered once it is ready. settleMs: how long it must have answered. */
type Server = { socket: string | null; port: number; path: string; settleMs: number };

/** The variables that tell a server where to listen, and how its readiness is observed. Behind the router it gets
 * only its socket, so that it cannot take the port of the dyno. */
export function listenAddress(
  settings: Settings,
  { socket, port, path, settleMs }: Server,
): { env: EnvironmentChange; ready: Readiness } {
  if (socket !== null) {
    return { env: { SOCKET: socket, PORT: null, BIND: null }, ready: { kind: 'http', at: { socket }, path, settleMs } };
  }
  const env: EnvironmentChange = settings.BIND === null ? { BIND: '0.0.0.0' } : {};
  if (settings.SOCKET !== null)
    return { env, ready: { kind: 'http', at: { socket: settings.SOCKET }, path, settleMs } };
  const host = reachableAddress(settings.BIND ?? '0.0.0.0');
  return { env, ready: { kind: 'http', at: { host, port: settings.PORT ?? port }, path, settleMs } };
}

/** Removes the brackets around an IPv6 address. */
export function bareAddress(bind: string): string {
  return bind.replace(/^\[(.*)\]$/, '$1');
}

/** The address at which a server that binds `bind` can be reached. */
function reachableAddress(bind: string): string {
  const address = bareAddress(bind);
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
}
