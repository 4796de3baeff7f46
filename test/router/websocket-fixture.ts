import type { FakeClock } from '../fakes/clock.ts';
import { FakeUpstream } from './fake-upstream.ts';
import type { RawConnection } from './raw-client.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';

export const API = '/api/v1/streaming';
export const UPGRADE_HEADERS = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: a',
];
/** How an upstream accepts an upgrade. */
export const ACCEPTED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: b\r\n\r\n';

type WebSocketFixture = {
  client: RawConnection;
  server: RawConnection;
  streaming: FakeUpstream;
  fixture: RouterFixture;
};
type Options = { clock?: FakeClock; onConnection?: (connection: RawConnection) => void };

/** Both ends of an upgrade: the upstream has the request and has not responded yet. */
export async function requestUpgrade({ clock, onConnection }: Options = {}): Promise<WebSocketFixture> {
  const fixture = await startRouter({ streaming: 'on-demand', ...(clock ? { clock } : {}) });
  const streaming = new FakeUpstream(fixture.streamingSocket, onConnection);
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  const server = await streaming.awaitRequest();
  return { client, server, streaming, fixture };
}

/** Both ends of an open WebSocket. */
export async function openWebSocket(options: Options = {}): Promise<WebSocketFixture> {
  const ends = await requestUpgrade(options);
  ends.server.send(ACCEPTED);
  await ends.client.until('\r\n\r\n');
  return ends;
}
