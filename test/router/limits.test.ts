import type { EventEmitter } from 'node:events';
import { Server } from 'node:http';
import { expect, test } from 'vitest';
import { SLOWEST_BYTES, SLOWEST_MS, STALLED_REPLY_MS } from '../../src/router/limits.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './flow.ts';
import { statusOf, valueOf } from './messages.ts';
import { brokenOn, replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { answering, plain, requestsOf, Upstream } from './upstream.ts';
import type { Wire } from './wire.ts';

const HUGE = 'Content-Length: 1000000';

/** An upload of which only the head has come. */
async function upload(): Promise<{ clock: FakeClock; client: Wire; server: Wire; rig: Rig }> {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/', { method: 'POST', headers: [HUGE] }));
  const server = await puma.asked();
  return { clock, client, server, rig };
}

/** Sends so much of the body, and waits until it has arrived. */
async function give(client: Wire, server: Wire, bytes: number): Promise<void> {
  const before = server.received.length;
  client.send('x'.repeat(bytes));
  await eventually(() => expect(server.received.length).toBe(before + bytes));
}

test('an upload that stands still is given up: 408, and the upstream gets to know', async () => {
  const { clock, client, server } = await upload();
  await give(client, server, SLOWEST_BYTES);
  await clock.advance(SLOWEST_MS);
  expect(client.received).toBe('');
  await give(client, server, SLOWEST_BYTES - 1);
  await clock.advance(SLOWEST_MS);
  const reply = await replyOn(client);
  expect(statusOf(reply)).toBe(408);
  expect(valueOf(reply, 'connection')).toBe('close');
  await client.closed();
  await server.closed();
});

test('an upload that is slow, and honest, takes as long as it takes', async () => {
  const { clock, client, server } = await upload();
  for (let time = 0; time < 20; time += 1) {
    await give(client, server, SLOWEST_BYTES);
    await clock.advance(SLOWEST_MS);
  }
  expect(client.received).toBe('');
  expect(client.isClosed).toBe(false);
});

test('an upload that stands still after its reply has begun is broken off', async () => {
  const { clock, client, server } = await upload();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
  await client.until('half');
  for (let time = 0; time < 2; time += 1) await clock.advance(SLOWEST_MS);
  await brokenOn(client);
  await server.closed();
});

test('an upload that waits for its upstream is not slow', async () => {
  const { clock, client, server } = await upload();
  server.socket.pause();
  const producer = new Producer(client.socket, 900_000);
  await producer.stalled();
  for (let time = 0; time < 5; time += 1) await clock.advance(SLOWEST_MS);
  expect(client.isClosed).toBe(false);
  server.socket.resume();
  await producer.done;
});

test('a request that waits for its reply may wait', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/', { method: 'POST', headers: ['Content-Length: 2'], body: 'hi' }));
  await requestsOf(puma, 1);
  for (let time = 0; time < 10; time += 1) await clock.advance(SLOWEST_MS);
  (await puma.wire()).send(plain('at last'));
  expect((await replyOn(client)).body).toBe('at last');
});

test('a stream of events may be silent', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const streaming = new Upstream(rig.streamingSocket);
  const client = rig.client().send(request('/api/v1/streaming/user'));
  const server = await streaming.asked();
  server.send('HTTP/1.1 200 OK\r\n\r\n:)\n');
  await client.until(':)');
  for (let time = 0; time < 10; time += 1) await clock.advance(STALLED_REPLY_MS);
  server.send(':thump\n');
  await client.until(':thump');
});

test('a client that takes nothing of its reply is given up after a while', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client();
  client.socket.pause();
  client.send(request('/'));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 103809024\r\n\r\n');
  await new Producer(server.socket, 99 * MB).stalled();
  await clock.advance(STALLED_REPLY_MS);
  expect(server.isClosed).toBe(false);
  await clock.advance(2 * SLOWEST_MS);
  await server.closed();
  client.socket.resume();
  await brokenOn(client);
});

test('a client that takes its reply slowly is not given up', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client();
  let taken = 0;
  client.socket.removeAllListeners('data').on('data', (data: Buffer) => (taken += data.length));
  client.socket.pause();
  client.send(request('/'));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\n\r\n');
  const producer = new Producer(server.socket, 9999 * MB);
  for (let time = 0; time < 6; time += 1) {
    await producer.stalled();
    await clock.advance(SLOWEST_MS);
    const before = taken;
    client.socket.resume();
    await eventually(() => expect(taken > before + 10 * MB || client.isClosed).toBe(true));
    client.socket.pause();
    expect(client.isClosed, `given up after ${time + 1} times ${SLOWEST_MS} ms, though it took ${taken} bytes`).toBe(
      false,
    );
  }
});

test('the kernel cannot accept a connection: that is a line in the log, and the next one is served', async () => {
  const rig = await startRouter();
  answering(rig.pumaSocket, () => plain('ok'));
  serverAt(rig.port).emit('error', new Error('accept ENFILE'));
  expect(rig.told('router-trouble')).toMatchObject([{ child: 'router', why: 'accept ENFILE' }]);
  expect((await replyOn(rig.client().send(request('/')))).body).toBe('ok');
});

/** The one of this process that listens there. */
function serverAt(port: number): EventEmitter {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  const servers = handles.filter((handle) => handle instanceof Server);
  const found: EventEmitter | undefined = servers.find(
    (server) => (server.address() as { port?: number } | null)?.port === port,
  );
  if (found === undefined) throw new Error(`no server on port ${port}`);
  return found;
}
