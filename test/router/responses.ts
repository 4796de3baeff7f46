import { expect } from 'vitest';
import type { Clock } from '../../src/host.ts';
import { eventually } from '../harness/eventually.ts';
import { FakeUpstream } from './fake-upstream.ts';
import { parseResponses, statusOf, type Message } from './messages.ts';
import type { RawConnection } from './raw-client.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { MB, Producer } from './streams.ts';

/** Resolves with the final responses (1xx not counted), once there are this many complete ones.
 * methods: of the requests, where they matter. */
export async function awaitResponses(
  client: RawConnection,
  count: number,
  methods: readonly string[] = [],
): Promise<Message[]> {
  return eventually(() => {
    const final = parseResponses(client.received, methods).filter((response) => statusOf(response) >= 200);
    const complete = final.filter(({ isComplete }) => isComplete !== false);
    if (complete.length >= count) return complete;
    const error = new Error(
      `${complete.length} of ${count} responses: ${JSON.stringify(client.received.slice(-1000))}`,
    );
    throw client.isClosed ? Object.assign(error, { isFinal: true }) : error;
  });
}

export async function awaitResponse(client: RawConnection, method = 'GET'): Promise<Message> {
  const [response] = await awaitResponses(client, 1, [method]);
  if (response === undefined) throw new Error('no response');
  return response;
}

/** The last response has begun and the connection is closed, in a way that no client takes for the end of the response. */
export async function awaitBrokenResponse(client: RawConnection): Promise<Message> {
  await client.closed();
  const [response] = parseResponses(client.received).slice(-1);
  if (response === undefined) throw new Error('no response');
  expect(response.isComplete, `${response.start} looks complete`).not.toBe(true);
  if (response.isComplete === null) expect(client.error).toBe('ECONNRESET');
  return response;
}

/** A response that its client does not read. Its upstream cannot send more of it. */
export async function unreadResponse(
  clock: Clock,
): Promise<{ fixture: RouterFixture; client: RawConnection; server: RawConnection }> {
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client();
  client.socket.pause();
  client.send(request('/'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 103809024\r\n\r\n');
  await new Producer(server.socket, 99 * MB).stalled();
  return { fixture, client, server };
}
