import { expect } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { readReplies, statusOf, type Message } from './messages.ts';
import type { Wire } from './wire.ts';

/** Resolves with the replies, once there are so many whole ones, 1xx not counted. */
export async function repliesOn(client: Wire, count: number, methods: readonly string[] = []): Promise<Message[]> {
  return eventually(() => {
    const final = readReplies(client.received, methods).filter((each) => statusOf(each) >= 200);
    const whole = final.filter(({ isComplete }) => isComplete !== false);
    if (whole.length < count) throw waiting(client, `${whole.length} replies of ${count}`);
    return whole;
  });
}

export async function replyOn(client: Wire, method = 'GET'): Promise<Message> {
  const [reply] = await repliesOn(client, 1, [method]);
  if (reply === undefined) throw new Error('no reply');
  return reply;
}

/** The one reply has begun, and never gets its end: the connection broke in a way that nobody takes for an end. */
export async function brokenOn(client: Wire): Promise<Message> {
  await client.closed();
  const [reply] = readReplies(client.received).slice(-1);
  if (reply === undefined) throw new Error('no reply');
  expect(reply.isComplete, `${reply.start} was presented as whole`).not.toBe(true);
  if (reply.isComplete === null) expect(client.error).toBe('ECONNRESET');
  return reply;
}

function waiting(client: Wire, what: string): Error {
  const error = new Error(`${what}: ${JSON.stringify(client.received.slice(-1000))}`);
  return client.isClosed ? Object.assign(error, { final: true }) : error;
}
