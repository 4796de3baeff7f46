import { expect } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import type { Case } from './corpus/case.ts';
import { plainResponse, respondingUpstream, type FakeUpstream } from './fake-upstream.ts';
import { eachTurn } from './each-turn.ts';
import { headerOf, parseResponses, statusOf, targetOf, type Message } from './messages.ts';
import type { RawConnection } from './raw-client.ts';
import { request, RouterFixture } from './router-fixture.ts';

type Send = (client: RawConnection, bytes: string) => void | Promise<void>;
type Upstreams = { puma: FakeUpstream; streaming: FakeUpstream };

const REJECTION = /^(4\d\d|501|505)$/;
/** More than any timer of a finished request takes, and less than the limits for slow clients. */
const REST_MS = 25_000;

/** One router with two upstreams for all cases. Each case has to leave it without a connection or a timer. */
export class CaseRunner {
  readonly #clock = new FakeClock();
  readonly #fixture: RouterFixture;
  readonly #upstreams: Upstreams;
  readonly #warnings: string[] = [];
  #cleanUps: (() => Promise<void>)[] = [];

  constructor(folder: string) {
    this.#fixture = new RouterFixture({ clock: this.#clock, folder });
    const options = { cleanUp: (close: () => Promise<void>) => void this.#cleanUps.push(close) };
    const { pumaSocket, streamingSocket } = this.#fixture;
    this.#upstreams = {
      puma: respondingUpstream(pumaSocket, pumaResponse, options),
      streaming: respondingUpstream(streamingSocket, streamingResponse, options),
    };
    process.on('warning', this.#onWarning);
  }

  async start(): Promise<this> {
    await this.#fixture.listen();
    for (const child of ['puma', 'streaming']) this.#fixture.ready(child);
    return this;
  }

  async close(): Promise<void> {
    process.off('warning', this.#onWarning);
    await this.#fixture.router.close();
    for (const cleanUp of this.#cleanUps) await cleanUp();
  }

  /** Sends the bytes of a case, and checks the outcome. */
  async expectCase(expected: Case, send: Send): Promise<void> {
    for (const { connections } of Object.values(this.#upstreams)) connections.splice(0);
    const client = this.#fixture.client();
    await send(client, expected.bytes);
    const responses = await responsesTo(client, expected);
    const other = await this.#expectAlive();
    client.socket.end();
    await eachTurn(() => expect([client.isClosed, other.isClosed], 'closed').toEqual([true, true]));
    checkOutcome(expected, client, responses, this.#upstreams);
    await this.#expectAtRest();
    expect(this.#warnings, 'warnings of Node').toEqual([]);
  }

  /** Other clients are served by both upstreams. Afterwards everything that the router forwarded before has arrived. */
  async #expectAlive(): Promise<RawConnection> {
    const other = this.#fixture.client().send(request('/good') + request('/api/v1/streaming/good'));
    await eachTurn(() => {
      expect(parseResponses(other.received).map(({ body }) => body)).toEqual(['good', 'streaming']);
    });
    other.socket.end();
    return other;
  }

  async #expectAtRest(): Promise<void> {
    const end = this.#clock.now() + REST_MS;
    await eachTurn(async () => {
      if (this.#clock.pendingTimers > 0 && this.#clock.now() < end) await this.#clock.advance(5000);
      const open = Object.values(this.#upstreams).map(({ openConnections }) => openConnections);
      expect({ open, timers: this.#clock.pendingTimers }).toEqual({ open: [0, 0], timers: 0 });
    });
  }

  readonly #onWarning = ({ message }: Error): void => void this.#warnings.push(message);
}

function pumaResponse(message: Message): string {
  return plainResponse(targetOf(message) === '/good' ? 'good' : 'puma');
}

/** Accepts no upgrade, keeps the connection after that, and responds to whatever comes next. */
function streamingResponse(message: Message): string {
  return headerOf(message, 'upgrade') === null ? plainResponse('streaming') : plainResponse('', '426 Upgrade Required');
}

/** Resolves once there are as many responses as there can be, or the connection is closed. */
async function responsesTo(
  client: RawConnection,
  { puma = [], streaming = [], isIncomplete = false }: Case,
): Promise<Message[]> {
  if (isIncomplete) return [];
  const methods = [...puma, ...streaming].map((summary) => summary.split(' ')[0] ?? '');
  return eachTurn(() => {
    const responses = parseResponses(client.received, methods);
    const final = responses.filter((response) => statusOf(response) >= 200 && response.isComplete === true);
    const isDone = client.isClosed || (methods.length > 0 && final.length === methods.length);
    expect(isDone, `no response and not closed: ${JSON.stringify(client.received.slice(0, 500))}`).toBe(true);
    return final;
  });
}

function checkOutcome(
  expected: Case,
  client: RawConnection,
  responses: readonly Message[],
  upstreams: Upstreams,
): void {
  const statuses = responses.map(statusOf);
  const { puma = [], streaming = [], outcome } = expected;
  const forwarded = {
    puma: summaries(upstreams.puma, '/good'),
    streaming: summaries(upstreams.streaming, '/api/v1/streaming/good'),
  };
  if (outcome === 'passed') {
    expect(forwarded).toEqual({ puma, streaming });
    expect(statuses).toEqual([...puma, ...streaming].map(() => 200));
  } else if (outcome === 'rejected') {
    expect(forwarded).toEqual({ puma: [], streaming: [] });
    expectRejection(client, statuses);
  } else {
    expectBeginning(forwarded.puma, puma);
    expectBeginning(forwarded.streaming, streaming);
    if (outcome === 'either') return;
    expectRejection(client, statuses);
    const complete = [...forwarded.puma, ...forwarded.streaming].filter((summary) => !summary.endsWith(' …'));
    expect(complete).toEqual([]);
  }
}

function expectRejection(client: RawConnection, statuses: readonly number[]): void {
  expect(client.isClosed).toBe(true);
  expect(statuses.length).toBeLessThan(2);
  for (const status of statuses) expect(`${status}`).toMatch(REJECTION);
}

/** The allowed requests or the first of them, the last one possibly incomplete. */
function expectBeginning(forwarded: readonly string[], allowed: readonly string[]): void {
  for (const [index, summary] of forwarded.entries()) {
    const complete = allowed[index] ?? 'no further request';
    if (summary.endsWith(' …'))
      expect(complete.startsWith(summary.slice(0, -2)), `${summary} of ${complete}`).toBe(true);
    else expect(summary).toBe(complete);
  }
}

/** Method, target and body of each request, without those of #expectAlive. Throws for malformed ones. */
function summaries(upstream: FakeUpstream, ignoredTarget: string): string[] {
  return upstream.requests
    .filter((message) => targetOf(message) !== ignoredTarget)
    .map((message) => {
      const [method = ''] = message.start.split(' ');
      const words = [method, targetOf(message), message.body, message.isComplete === false ? '…' : ''];
      return words.filter((word) => word !== '').join(' ');
    });
}

/** All bytes in one packet. */
export const inOnePacket: Send = (client, bytes) => void client.send(bytes);

export const byteByByte: Send = async (client, bytes) => {
  client.socket.setNoDelay(true);
  for (const byte of bytes) {
    if (client.socket.writable) client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
};
