import { expect } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { parseResponses, statusOf, type Message } from './messages.ts';
import type { RawConnection } from './raw-client.ts';

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
    throw client.isClosed ? Object.assign(error, { final: true }) : error;
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
