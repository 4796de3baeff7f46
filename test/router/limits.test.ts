import type { EventEmitter } from 'node:events';
import { Server } from 'node:http';
import { expect, test } from 'vitest';
import { MIN_UPLOAD_BYTES, UPLOAD_WINDOW_MS, STALL_TIMEOUT_MS } from '../../src/router/limits.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './streams.ts';
import { statusOf, headerOf } from './messages.ts';
import { awaitBrokenResponse, awaitResponse, unreadResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, awaitRequests, FakeUpstream } from './fake-upstream.ts';
import type { RawConnection } from './raw-client.ts';

const HUGE = 'Content-Length: 1000000';

/** An upload whose head has been forwarded. */
async function upload(): Promise<{
  clock: FakeClock;
  client: RawConnection;
  server: RawConnection;
  fixture: RouterFixture;
}> {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/', { method: 'POST', headers: [HUGE] }));
  const server = await puma.awaitRequest();
  return { clock, client, server, fixture };
}

/** Sends this many bytes of the body, and waits until they have arrived. */
async function sendBody(client: RawConnection, server: RawConnection, bytes: number): Promise<void> {
  const before = server.received.length;
  client.send('x'.repeat(bytes));
  await eventually(() => expect(server.received.length).toBe(before + bytes));
}

test('a stalled upload gets 408, and the upstream connection closes', async () => {
  const { clock, client, server } = await upload();
  await sendBody(client, server, MIN_UPLOAD_BYTES);
  await clock.advance(UPLOAD_WINDOW_MS);
  expect(client.received).toBe('');
  await sendBody(client, server, MIN_UPLOAD_BYTES - 1);
  await clock.advance(UPLOAD_WINDOW_MS);
  const response = await awaitResponse(client);
  expect(statusOf(response)).toBe(408);
  expect(headerOf(response, 'connection')).toBe('close');
  await client.closed();
  await server.closed();
});

test('an upload at the minimum rate may take any time', async () => {
  const { clock, client, server } = await upload();
  for (let time = 0; time < 20; time += 1) {
    await sendBody(client, server, MIN_UPLOAD_BYTES);
    await clock.advance(UPLOAD_WINDOW_MS);
  }
  expect(client.received).toBe('');
  expect(client.isClosed).toBe(false);
});

test('a stalled upload whose response has begun is aborted', async () => {
  const { clock, client, server } = await upload();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
  await client.until('half');
  for (let time = 0; time < 2; time += 1) await clock.advance(UPLOAD_WINDOW_MS);
  await awaitBrokenResponse(client);
  await server.closed();
});

test('an upload that waits for its upstream does not time out', async () => {
  const { clock, client, server } = await upload();
  server.socket.pause();
  const producer = new Producer(client.socket, 900_000);
  await producer.stalled();
  for (let time = 0; time < 5; time += 1) await clock.advance(UPLOAD_WINDOW_MS);
  expect(client.isClosed).toBe(false);
  server.socket.resume();
  await producer.done;
});

test('a request may wait for its response for any time', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/', { method: 'POST', headers: ['Content-Length: 2'], body: 'hi' }));
  await awaitRequests(puma, 1);
  for (let time = 0; time < 10; time += 1) await clock.advance(UPLOAD_WINDOW_MS);
  (await puma.awaitConnection()).send(plainResponse('finally'));
  expect((await awaitResponse(client)).body).toBe('finally');
});

test('an event stream may be silent for any time', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request('/api/v1/streaming/user'));
  const server = await streaming.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\n\r\n:)\n');
  await client.until(':)');
  for (let time = 0; time < 10; time += 1) await clock.advance(STALL_TIMEOUT_MS);
  server.send(':thump\n');
  await client.until(':thump');
});

test('a client that does not read its response is disconnected', async () => {
  const clock = new FakeClock();
  const { client, server } = await unreadResponse(clock);
  await clock.advance(STALL_TIMEOUT_MS);
  expect(server.isClosed).toBe(false);
  await clock.advance(2 * UPLOAD_WINDOW_MS);
  await server.closed();
  client.socket.resume();
  await awaitBrokenResponse(client);
});

test('a client that reads its response slowly is not disconnected', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client();
  let bytesRead = 0;
  client.socket.removeAllListeners('data').on('data', (data: Buffer) => (bytesRead += data.length));
  client.socket.pause();
  client.send(request('/'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\n\r\n');
  const producer = new Producer(server.socket, 9999 * MB);
  for (let time = 0; time < 6; time += 1) {
    await producer.stalled();
    await clock.advance(UPLOAD_WINDOW_MS);
    const before = bytesRead;
    client.socket.resume();
    await eventually(() => expect(bytesRead > before + 10 * MB || client.isClosed).toBe(true));
    client.socket.pause();
    expect(
      client.isClosed,
      `disconnected after ${time + 1} times ${UPLOAD_WINDOW_MS} ms, although it has read ${bytesRead} bytes`,
    ).toBe(false);
  }
});

test('an accept error is logged, and the next connection is served', async () => {
  const fixture = await startRouter();
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  serverAt(fixture.port).emit('error', new Error('accept ENFILE'));
  expect(fixture.warnings).toMatchObject([{ child: 'router', reason: 'lost a new connection: accept ENFILE' }]);
  expect((await awaitResponse(fixture.client().send(request('/')))).body).toBe('ok');
});

/** The server of this process on that port. */
function serverAt(port: number): EventEmitter {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  const servers = handles.filter((handle) => handle instanceof Server);
  const found: EventEmitter | undefined = servers.find(
    (server) => (server.address() as { port?: number } | null)?.port === port,
  );
  if (found === undefined) throw new Error(`no server on port ${port}`);
  return found;
}
