import type { FakeClock } from '../fakes/clock.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { Upstream } from './upstream.ts';
import type { Wire } from './wire.ts';

export const API = '/api/v1/streaming';
export const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: a',
];
export const SWITCHED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: b\r\n\r\n';

type Both = { client: Wire; server: Wire; streaming: Upstream; rig: Rig };

/** Both ends of an upgrade, byte by byte: the upstream has the request and has not answered. */
export async function asking(clock?: FakeClock, greet?: (wire: Wire) => void): Promise<Both> {
  const rig = await startRouter({ streaming: 'on-demand', ...(clock ? { clock } : {}) });
  const streaming = new Upstream(rig.streamingSocket, greet);
  const client = rig.client().send(request(API, { headers: UPGRADE }));
  const server = await streaming.asked();
  return { client, server, streaming, rig };
}

/** The same, joined. */
export async function switched(clock?: FakeClock, greet?: (wire: Wire) => void): Promise<Both> {
  const both = await asking(clock, greet);
  both.server.send(SWITCHED);
  await both.client.until('\r\n\r\n');
  return both;
}
