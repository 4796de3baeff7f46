import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { finished } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { eventually } from '../../harness/eventually.ts';
import { httpDyno, openEdgeFixture } from './edge-fixture.ts';

const PIECE = Buffer.alloc(64 * 2 ** 10, 'abcdefghijklmnop');
const PIECES = 1024; // 64 MB
const DIGEST = Array.from({ length: PIECES }).reduce<ReturnType<typeof createHash>>(
  (hash) => hash.update(PIECE),
  createHash('sha256'),
);
const WHOLE = DIGEST.digest('hex');

async function write(to: NodeJS.WritableStream, isOver: () => boolean = () => false): Promise<void> {
  for (let count = 0; count < PIECES && !isOver(); count += 1) {
    if (!to.write(PIECE)) await new Promise((resolve) => to.once('drain', resolve));
  }
  to.end();
}

test.each([
  ['in chunks', {}],
  ['of a known length', { 'content-length': PIECE.length * PIECES }],
])('64 MB %s pass whole, there and back', async (_, headers) => {
  const dyno = await httpDyno((incoming, response) => {
    const hash = createHash('sha256');
    incoming.on('data', (piece: Buffer) => hash.update(piece));
    incoming.once('end', () => {
      response.writeHead(200, { 'x-digest': hash.digest('hex'), ...headers });
      void write(response);
    });
  });
  const fixture = await openEdgeFixture(dyno.target);
  const asked = request({ host: '127.0.0.1', port: fixture.edge.port, method: 'POST', headers, agent: false });
  const hash = createHash('sha256');
  const whole = new Promise((resolve, reject) => {
    asked.once('error', reject).once('response', (response) => {
      expect(response.headers['x-digest']).toBe(WHOLE);
      response.on('data', (piece: Buffer) => hash.update(piece)).once('end', resolve);
    });
  });
  await write(asked);
  await whole;
  expect(hash.digest('hex')).toBe(WHOLE);
  expect(await fixture.line()).toMatch(new RegExp(`^at=info .* status=200 bytes=${PIECE.length * PIECES} `));
});

test('what a dyno sends waits for a slow client: no more than a buffer of it is held', async () => {
  let written = 0;
  const dyno = await httpDyno((_, response) => {
    const more = (): void => {
      while (written < PIECES * PIECE.length) {
        written += PIECE.length;
        if (!response.write(PIECE)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client();
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  let [before, looksAlike] = [0, 0];
  await eventually(() => {
    looksAlike = written > 0 && written === before ? looksAlike + 1 : 0;
    before = written;
    expect(looksAlike).toBe(20);
  });
  // The edge's own megabyte, and what the kernel holds of two connections.
  expect(written).toBeLessThan(PIECES * PIECE.length * 0.5);
  expect(fixture.edge.openRequests).toBe(1);
  let received = 0;
  client.socket.removeAllListeners('data').on('data', ({ length }: Buffer) => (received += length));
  client.socket.resume();
  await finished(client.socket, { writable: false });
  expect(received).toBeGreaterThan(PIECES * PIECE.length);
});

test('what a client sends waits for a slow dyno', async () => {
  const taken: { resume(): void }[] = [];
  const dyno = await httpDyno((incoming, response) => {
    incoming.pause();
    taken.push(incoming);
    incoming.once('end', () => response.end('whole'));
  });
  const fixture = await openEdgeFixture(dyno.target);
  const asked = request({ host: '127.0.0.1', port: fixture.edge.port, method: 'PUT', agent: false });
  const answered = new Promise<number | undefined>((resolve) =>
    asked.once('response', (response) => resolve(response.resume().statusCode)),
  );
  let isWritten = false;
  const writing = write(asked).then(() => (isWritten = true));
  await eventually(() => expect(asked.writableNeedDrain && taken.length === 1).toBe(true));
  expect(isWritten).toBe(false);
  taken[0]?.resume();
  await writing;
  expect(await answered).toBe(200);
});

test('an answer before the end of the body reaches the client, and the dyno gets no more', async () => {
  const dyno = await httpDyno((_, response) => void response.writeHead(413, { 'content-length': 3 }).end('no!'));
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome');
  await client.until(/413 [^]*no!/);
  expect(await fixture.line()).toMatch(/^at=info .* status=413 bytes=3 /);
  await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
  // The rest of the body is no second request.
  client.send(`${'x'.repeat(96)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
  await client.until(/413 [^]*413 /);
  expect(fixture.lines.map((line) => /method=\w+/.exec(line)?.[0])).toEqual(['method=POST', 'method=GET']);
});

test('a small answer is passed on whole although the dyno is gone by then', async () => {
  const body = 'x'.repeat(500_000);
  const dyno = await httpDyno((_, response) => {
    response.setHeader('Connection', 'close');
    response.end(body);
  });
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client();
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await eventually(() => expect(dyno.sockets[0]?.destroyed).toBe(true));
  client.socket.resume();
  expect((await client.closed()).endsWith(`\r\n\r\n${body}`)).toBe(true);
});
