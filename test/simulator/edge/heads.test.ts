import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { get } from '../get.ts';
import { httpDyno, openEdgeFixture, rawDyno } from './edge-fixture.ts';

const ID = '0123456789abcdef0123456789abcdef';

test('tells the dyno where a request came from', async () => {
  const heads: IncomingHttpHeaders[] = [];
  const dyno = await httpDyno(({ headers }, response) => void (heads.push(headers), response.end()));
  const fixture = await openEdgeFixture(dyno.target);
  const before = Date.now();
  await get({ host: '127.0.0.1', port: fixture.edge.port }, '/', {
    'X-Forwarded-For': '204.204.204.204',
    'X-Forwarded-Proto': 'http',
  });
  expect(heads[0]).toMatchObject({
    host: `127.0.0.1:${fixture.edge.port}`,
    'x-forwarded-for': '204.204.204.204,127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '443',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    via: '1.1 heroku-router',
  });
  const start = Number(heads[0]?.['x-request-start']);
  expect(start).toBeGreaterThanOrEqual(before);
  expect(start).toBeLessThanOrEqual(Date.now());
  expect(await fixture.line()).toContain(
    `request_id=${String(heads[0]?.['x-request-id'])} fwd="204.204.204.204,127.0.0.1"`,
  );
});

test.each([
  ['keeps a valid request id', ID, true],
  ['replaces one too short', 'short', false],
  ['replaces one with other characters', `${ID}"; drop`, false],
  ['replaces one too long', 'a'.repeat(201), false],
])('%s', async (_, given, isKept) => {
  const dyno = await httpDyno(({ headers }, response) => response.end(headers['x-request-id']));
  const fixture = await openEdgeFixture(dyno.target);
  const { body } = await get({ host: '127.0.0.1', port: fixture.edge.port }, '/', { 'X-Request-Id': given });
  expect(body === given).toBe(isKept);
  expect(body).not.toBe('');
  expect(await fixture.line()).toContain(`request_id=${body} `);
});

test('passes fields on as they stood, but for those between neighbours', async () => {
  let head = '';
  const dyno = await rawDyno((socket) =>
    socket.on('data', (piece: Buffer) => {
      head += piece.toString('latin1');
      socket.write(
        'HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: 1\r\nX-A: 2\r\nKeep-Alive: timeout=5\r\n',
      );
      socket.write('Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok');
    }),
  );
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client();
  client.send(
    'GET /a%20b?c=d&e HTTP/1.1\r\nhOST: kept.example\r\nX-Twice: 1\r\nX-Twice: 2\r\nConnection: keep-alive, X-Mine, Host\r\n',
  );
  client.send('X-Mine: 1\r\nTE: trailers\r\nProxy-Connection: keep-alive\r\n\r\n');
  const answer = await client.until('\r\n\r\nok');
  expect(head).toMatch(/^GET \/a%20b\?c=d&e HTTP\/1\.1\r\nhOST: kept\.example\r\nX-Twice: 1\r\nX-Twice: 2\r\n/);
  expect(head).not.toMatch(/X-Mine|TE:|Proxy-Connection|Expect/i);
  expect(answer).toMatch(
    /^HTTP\/1\.1 200 Fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\nVia: 1\.1 heroku-router\r\n/,
  );
  expect(answer).not.toMatch(/X-Hop|timeout=5/i);
});

test('answers Expect: 100-continue on behalf of the dyno, and no other expectation', async () => {
  const expected: unknown[] = [];
  const dyno = await httpDyno(
    (request, response) => void (expected.push(request.headers.expect), request.pipe(response)),
  );
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('body');
  await client.until(/200 OK[^]*body/);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 0\r\n\r\n');
  await client.until('417 Expectation Failed');
  expect(expected).toEqual([undefined]);
  expect(await fixture.line(2)).toMatch(/^at=info .* dyno= connect= service= status=417 /);
});

test.each([
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', /200 OK\r\nContent-Length: 5\r\n[^]*\r\n\r\n$/],
  ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', /204 No Content\r\n[^]*\r\n\r\n$/],
  ['GET', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', /304 Not Modified\r\nETag: "a"\r\n[^]*\r\n\r\n$/],
  [
    'GET',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    /^HTTP\/1\.1 200 OK\r\n/,
  ],
])('%s answered with %j leaves the connection as good as before', async (method, reply, expected) => {
  const dyno = await rawDyno((socket) => socket.on('data', () => socket.write(reply)));
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client();
  for (const number of [1, 2]) {
    client.received = '';
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await fixture.line(number)).toMatch(/^at=info .* bytes=0 /);
    expect(await client.until(expected)).not.toMatch(/chunked/i);
  }
  expect(dyno.sockets).toHaveLength(1);
});

test('a request without a body has none at the dyno either', async () => {
  const heads: IncomingHttpHeaders[] = [];
  const dyno = await httpDyno(({ headers }, response) => void (heads.push(headers), response.end()));
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client();
  for (const method of ['POST', 'GET', 'DELETE', 'PURGE']) client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
  await fixture.line(4);
  expect(heads.map((head) => head['transfer-encoding'])).toEqual([undefined, undefined, undefined, undefined]);
  expect(heads.filter((head) => head['content-length'] === '0')).toHaveLength(2);
});

test('a client of HTTP/1.0 gets no chunks, and the end of the connection as the end', async () => {
  const dyno = await httpDyno((_, response) => {
    response.write('a');
    response.end('b');
  });
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client().send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
  expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nab$/);
  expect(await fixture.line()).toMatch(/^at=info .* protocol=http1\.0 /);
});
