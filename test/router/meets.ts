import { expect } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import type { Case } from './corpus/case.ts';
import { readReplies, statusOf, targetOf, valueOf, type Message } from './messages.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { answering, plain, type Upstream } from './upstream.ts';
import type { Wire } from './wire.ts';

type Behind = { puma: Upstream; streaming: Upstream };
const REFUSAL = /^(4\d\d|501|505)$/;

/** Sends it to a router with both upstreams behind it, and holds what comes of it against what may. */
async function meets(one: Case, send: (client: Wire) => void | Promise<void>): Promise<void> {
  const rig = await startRouter();
  const behind = {
    puma: answering(rig.pumaSocket, (asked) => plain(targetOf(asked) === '/good' ? 'good' : 'puma')),
    streaming: answering(rig.streamingSocket, answerOfStreaming),
  };
  const client = rig.client();
  await send(client);
  const replies = await repliesTo(client, one);
  await isAlive(rig);
  client.socket.end();
  await client.closed();
  judge(one, client, replies, behind);
}

/** It speaks one version of WebSocket; when it refuses, it keeps the connection and answers whatever comes next. */
function answerOfStreaming(asked: Message): string {
  return valueOf(asked, 'upgrade') === null ? plain('streaming') : plain('', '426 Upgrade Required');
}

/** Resolves once there are as many replies as there can be, or the connection is closed. */
async function repliesTo(client: Wire, { puma = [], streaming = [], hangs = false }: Case): Promise<Message[]> {
  if (hangs) return [];
  const methods = [...puma, ...streaming].map((asked) => asked.split(' ')[0] ?? '');
  return eventually(() => {
    const replies = readReplies(client.received, methods);
    const final = replies.filter((reply) => statusOf(reply) >= 200 && reply.isComplete === true);
    const isOver = client.isClosed || (methods.length > 0 && final.length === methods.length);
    expect(isOver, `neither answered nor closed: ${JSON.stringify(client.received.slice(0, 500))}`).toBe(true);
    return final;
  }, 5000);
}

/** Others are served, on every way there is; and whatever was on its way through us has arrived. */
async function isAlive(rig: Rig): Promise<void> {
  const other = rig.client().send(request('/good') + request('/api/v1/streaming/good'));
  await eventually(() => {
    expect(readReplies(other.received).map(({ body }) => body)).toEqual(['good', 'streaming']);
  }, 5000);
}

function judge(one: Case, client: Wire, replies: readonly Message[], behind: Behind): void {
  const statuses = replies.map(statusOf);
  const seen = { puma: asked(behind.puma, '/good'), streaming: asked(behind.streaming, '/api/v1/streaming/good') };
  const { puma = [], streaming = [] } = one;
  if (one.outcome === 'passed') {
    expect(seen).toEqual({ puma, streaming });
    expect(statuses).toEqual([...puma, ...streaming].map(() => 200));
  } else if (one.outcome === 'refused') {
    expect(seen).toEqual({ puma: [], streaming: [] });
    isRefused(client, statuses);
  } else {
    isBeginning(seen.puma, puma);
    isBeginning(seen.streaming, streaming);
    if (one.outcome === 'broken') isRefused(client, statuses);
    if (one.outcome === 'broken')
      expect([...seen.puma, ...seen.streaming].filter((each) => !each.endsWith(' …'))).toEqual([]);
  }
}

function isRefused(client: Wire, statuses: readonly number[]): void {
  expect(client.isClosed).toBe(true);
  expect(statuses.length).toBeLessThan(2);
  for (const status of statuses) expect(`${status}`).toMatch(REFUSAL);
}

/** As much of it as there is, the last one perhaps not whole. */
function isBeginning(seen: readonly string[], allowed: readonly string[]): void {
  for (const [index, one] of seen.entries()) {
    const whole = allowed[index] ?? 'nothing more';
    if (one.endsWith(' …')) expect(whole.startsWith(one.slice(0, -2)), `${one} of ${whole}`).toBe(true);
    else expect(one).toBe(whole);
  }
}

/** What was asked there, but for the requests with which we ask whether all is well. Throws for what is malformed. */
function asked(upstream: Upstream, except: string): string[] {
  return upstream.requests
    .filter((each) => targetOf(each) !== except)
    .map((each) => {
      const [method = ''] = each.start.split(' ');
      const words = [method, targetOf(each), each.body, each.isComplete === false ? '…' : ''];
      return words.filter((word) => word !== '').join(' ');
    });
}

/** All of it in one packet. */
export function atOnce(one: Case): Promise<void> {
  return meets(one, (client) => void client.send(one.bytes));
}

export function byteByByte(one: Case): Promise<void> {
  return meets(one, async (client) => {
    client.socket.setNoDelay(true);
    for (const byte of one.bytes) {
      if (client.socket.writable) client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
}
