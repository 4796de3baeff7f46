import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { parseResponses, statusOf } from '../router/messages.ts';
import { awaitBrokenResponse, awaitResponses } from '../router/responses.ts';
import { request } from '../router/router-fixture.ts';
import { rawClient, type RawConnection } from '../router/raw-client.ts';
import { endOf, majorVersionOf, withExit } from './instance.ts';
import { routedCheckout, startRouted } from './router-app.ts';

const HTTPS = ['X-Forwarded-Proto: https'];
const CLUSTER = { 'one process': '0', 'a master and a worker': '1' };

/** puma closes the connection if the app fails in the middle of a response. A chunked one gets the error page first. */
const BROKEN_RESPONSE = /closed the connection before its response|invalid chunk size: .*HTTP\/1\.1 500/;

describe.each(Object.entries(CLUSTER))('puma as %s', (_, WEB_CONCURRENCY) => {
  test('the conformance table', async () => {
    const { dyno, port } = await startRouted({ WEB_CONCURRENCY });
    await dyno.waitForOutput(/puma is ready after/);
    for (const [name, run] of Object.entries(TABLE)) {
      await run(port).catch((error: unknown) => {
        throw new Error(`${name}: ${(error as Error).message}\n${dyno.output.slice(-2000)}`, { cause: error });
      });
    }
    dyno.signal('SIGTERM');
    expect(await endOf(dyno)).toEqual(withExit(0));
    const warnings = dyno.output.match(/.*"router-warning".*/g) ?? [];
    expect(warnings.filter((line) => !BROKEN_RESPONSE.test(line))).toEqual([]);
    expect(warnings).not.toEqual([]);
  });
});

/** Each case sends requests to a puma with Rails behind the router. */
const TABLE: Readonly<Record<string, (port: number) => Promise<void>>> = {
  async 'force_ssl: http is redirected to https, https is served'(port) {
    const client = at(port).send(request('/seen') + request('/seen', { headers: HTTPS }));
    const [plain, secure] = await awaitResponses(client, 2);
    expect(plain).toMatchObject({ start: 'HTTP/1.1 301 Moved Permanently' });
    // The router forwards header names unchanged. Rack 3 writes them in lower case.
    const location = majorVersionOf('rack') >= 3 ? 'location' : 'Location';
    expect(plain?.headers).toContainEqual([location, 'https://social.example/seen']);
    expect(JSON.parse(secure?.body ?? '')).toMatchObject({ ssl: true, host: 'social.example' });
  },
  async 'remote_ip and request id come from the edge'(port) {
    const edge = [
      'X-Forwarded-For: 10.9.8.7, 203.0.113.9',
      'X-Forwarded-Port: 443',
      'X-Request-Id: 6f1c-7',
      'X-Request-Start: 1767225600000',
    ];
    const client = at(port).send(request('/seen?a=b', { headers: [...HTTPS, ...edge] }));
    const [reply] = await awaitResponses(client, 1);
    expect(JSON.parse(reply?.body ?? '')).toMatchObject({
      ip: '203.0.113.9',
      id: '6f1c-7',
      path: '/seen?a=b',
      heads: {
        HTTP_X_FORWARDED_FOR: '10.9.8.7, 203.0.113.9',
        HTTP_X_FORWARDED_PORT: '443',
        HTTP_X_REQUEST_START: '1767225600000',
      },
    });
  },
  async 'a client cannot change its address by removing headers'(port) {
    const headers = ['X-Forwarded-For: 203.0.113.9', 'Connection: x-forwarded-for, x-forwarded-proto, close'];
    const [reply] = await awaitResponses(at(port).send(request('/seen', { headers: [...HTTPS, ...headers] })), 1);
    expect(JSON.parse(reply?.body ?? '')).toMatchObject({ ip: '203.0.113.9', ssl: true });
  },
  async HEAD(port) {
    const client = at(port).send(request('/health', { method: 'HEAD' }) + request('/health'));
    const [head, get] = await awaitResponses(client, 2, ['HEAD', 'GET']);
    expect(head).toMatchObject({ start: 'HTTP/1.1 200 OK', body: '' });
    expect(get).toMatchObject({ start: 'HTTP/1.1 200 OK', body: 'OK' });
  },
  async '204 and 304 have no body, and the next response is parsed'(port) {
    const client = at(port).send(
      ['/nothing', '/same', '/health'].map((target) => request(target, { headers: HTTPS })).join(''),
    );
    const replies = await awaitResponses(client, 3);
    expect(replies.map(statusOf)).toEqual([204, 304, 200]);
    expect(replies.map(({ body }) => body)).toEqual(['', '', 'OK']);
  },
  async 'two cookies stay separate'(port) {
    const [reply] = await awaitResponses(at(port).send(request('/cookies', { headers: HTTPS })), 1);
    const cookies = reply?.headers.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value);
    expect(cookies?.map((value) => value.split(';')[0])).toEqual(['a=1', 'b=2']);
  },
  async 'HTTP/1.0'(port) {
    const client = at(port).send('GET /health HTTP/1.0\r\n\r\n');
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nOK$/);
  },
  async 'an upload with a length'(port) {
    expect(await upload(port, 30, { 'Content-Length': 30 * 65_536 })).toEqual(digested(30));
  },
  async 'an upload of 99 MB with a length'(port) {
    expect(await upload(port, 1584, { 'Content-Length': 1584 * 65_536 })).toEqual(digested(1584));
  },
  async 'an upload in chunks'(port) {
    expect(await upload(port, 160, {})).toEqual(digested(160));
  },
  async 'Expect: 100-continue'(port) {
    const headers = [...HTTPS, 'Expect: 100-continue', 'Content-Length: 2'];
    const client = at(port).send(request('/digest', { method: 'POST', headers }));
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('hi');
    const [reply] = await awaitResponses(client, 1);
    expect(JSON.parse(reply?.body ?? '')).toMatchObject({ bytes: 2 });
    expect(parseResponses(client.received).map(statusOf)).toEqual([100, 200]);
  },
  async 'early hints'(port) {
    const client = at(port).send(request('/hints', { headers: HTTPS }));
    const [reply] = await awaitResponses(client, 1);
    expect(reply?.body).toBe('hinted');
    expect(parseResponses(client.received)[0]).toMatchObject({ start: 'HTTP/1.1 103 Early Hints' });
    expect(client.received).toContain('</a.css>; rel=preload; as=style');
  },
  async 'a download with a length, and one in chunks'(port) {
    for (const target of ['/pieces?count=300&length=1', '/pieces?count=300']) {
      const reply = await ask(port, target);
      let bytes = 0;
      for await (const piece of reply as AsyncIterable<Buffer>) bytes += piece.length;
      expect(bytes).toBe(300 * 65_536);
    }
  },
  async 'a download that breaks off is not presented as complete'(port) {
    for (const target of ['/pieces?count=9&fail=5', '/pieces?count=9&length=1&fail=5']) {
      await awaitBrokenResponse(at(port).send(request(target, { headers: HTTPS })));
    }
  },
  async 'pipelining: responses in order, the slow one first'(port) {
    const targets = ['/slow?seconds=0.2', '/health', '/seen'];
    const client = at(port).send(targets.map((target) => request(target, { headers: HTTPS })).join(''));
    const replies = await awaitResponses(client, 3);
    expect(replies.map(({ body }) => body.slice(0, 4))).toEqual(['slow', 'OK', '{"me']);
  },
};

function at(port: number): RawConnection {
  return rawClient({ host: '127.0.0.1', port });
}

function ask(port: number, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      headers: { 'X-Forwarded-Proto': 'https' },
      agent: false,
    });
    onTestFinished(() => void outgoing.destroy());
    outgoing.once('response', resolve).once('error', reject).end();
  });
}

/** Uploads that many pieces; returns what Rails has received. */
async function upload(port: number, pieces: number, headers: OutgoingHttpHeaders): Promise<unknown> {
  const all = { 'X-Forwarded-Proto': 'https', ...headers };
  const outgoing = httpRequest({
    host: '127.0.0.1',
    port,
    path: '/digest',
    method: 'POST',
    headers: all,
    agent: false,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    outgoing.once('response', resolve).once('error', reject),
  );
  for (let piece = 0; piece < pieces; piece += 1) {
    if (!outgoing.write(PIECE)) await new Promise((resolve) => outgoing.once('drain', resolve));
  }
  outgoing.end();
  let text = '';
  for await (const piece of (await answered).setEncoding('utf8') as AsyncIterable<string>) text += piece;
  return JSON.parse(text);
}

const PIECE = Buffer.alloc(65_536, 'some of it ');

function digested(pieces: number): unknown {
  const hash = createHash('sha1');
  for (let piece = 0; piece < pieces; piece += 1) hash.update(PIECE);
  return { bytes: pieces * 65_536, digest: hash.digest('hex') };
}

test('while puma boots for 5 s, requests from the first moment on wait and are answered by puma', async () => {
  const { dyno, port } = await startRouted({}, routedCheckout(5));
  const clients: RawConnection[] = [];
  // The first request comes as soon as the port accepts connections; more follow until puma is ready.
  await eventually(async () => {
    const client = at(port);
    await eventually(() => expect(client.socket.connecting).toBe(false));
    if (client.isClosed) throw new Error('not yet');
    clients.push(client.send(request('/seen', { headers: HTTPS })));
  });
  expect(dyno.output).not.toMatch(/puma is ready/);
  const sending = setInterval(
    () => clients.length < 90 && clients.push(at(port).send(request('/seen', { headers: HTTPS }))),
    80,
  );
  await dyno.waitForOutput(/puma is ready after/).finally(() => clearInterval(sending));
  for (const client of clients) expect((await awaitResponses(client, 1)).map(statusOf)).toEqual([200]);
  expect(clients.length).toBeGreaterThan(30);
});
