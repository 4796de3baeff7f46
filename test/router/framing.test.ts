import { expect, test } from 'vitest';
import { parseResponses, statusOf, headerOf } from './messages.ts';
import { awaitResponses, awaitResponse } from './responses.ts';
import { request, startRouter } from './router-fixture.ts';
import { respondingUpstream, plainResponse, awaitRequests, FakeUpstream } from './fake-upstream.ts';

/** Responses without a body, whatever their headers say. The next response on the connection must be understood. */
test.each([
  ['HEAD with a length', 'HEAD', '200 OK', 'Content-Length: 1234\r\n', '1234'],
  ['HEAD with chunks', 'HEAD', '200 OK', 'Transfer-Encoding: chunked\r\n', null],
  ['HEAD with neither', 'HEAD', '200 OK', '', null],
  ['204', 'DELETE', '204 No Content', '', null],
  ['304', 'GET', '304 Not Modified', 'ETag: "a"\r\n', null],
  ['304 with a length', 'GET', '304 Not Modified', 'Content-Length: 1234\r\n', '1234'],
  ['a length of 0', 'GET', '200 OK', 'Content-Length: 0\r\n', '0'],
] as const)('a response without a body: %s', async (_, method, status, headers, length) => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, (message) =>
    message.start.includes('/second') ? plainResponse('second') : `HTTP/1.1 ${status}\r\n${headers}\r\n`,
  );
  const client = fixture.client().send(request('/', { method }));
  const first = await awaitResponse(client, method);
  client.send(request('/second'));
  const [, second] = await awaitResponses(client, 2, [method]);
  expect(first.start).toBe(`HTTP/1.1 ${status}`);
  expect(headerOf(first, 'content-length')).toBe(length);
  expect(second?.body).toBe('second');
  expect(puma.connections).toHaveLength(1);
});

test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
  '%s with and without a body',
  async (method) => {
    const fixture = await startRouter();
    const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse(method === 'HEAD' ? '' : 'ok'));
    const body = request('/b', { method, headers: ['Content-Length: 2'], body: 'hi' });
    await awaitResponses(fixture.client().send(request('/a', { method }) + body), 2, [method, method]);
    expect(await awaitRequests(puma, 2)).toMatchObject([{ body: '' }, { body: 'hi' }]);
  },
);

test('chunked bodies are forwarded both ways', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(
    fixture.pumaSocket,
    () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\none\r\n5\r\n, two\r\n0\r\n\r\n',
  );
  const body = '2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n';
  const response = await awaitResponse(
    fixture.client().send(request('/', { method: 'POST', headers: ['Transfer-Encoding: chunked'], body })),
  );
  expect(response).toMatchObject({ body: 'one, two', isComplete: true });
  expect(await awaitRequests(puma, 1)).toMatchObject([{ body: 'hello' }]);
});

test('a response that ends with its connection is complete for the client', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\n\r\nall of it').socket.end();
  expect(await awaitResponse(client)).toMatchObject({ body: 'all of it', isComplete: true });
  expect(client.isClosed).toBe(false);
});

test('100 Continue is forwarded before the body is sent, and once', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture
    .client()
    .send(request('/', { method: 'POST', headers: ['Content-Length: 2', 'Expect: 100-continue'] }));
  const server = await puma.awaitConnection();
  expect(await server.until('\r\n\r\n')).toMatch(/\r\nExpect: 100-continue\r\n/);
  expect(client.received).toBe('');
  server.send('HTTP/1.1 100 Continue\r\n\r\n');
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('hi');
  await server.until('\r\n\r\nhi');
  server.send(plainResponse('ok'));
  await awaitResponse(client);
  expect(parseResponses(client.received).map(statusOf)).toEqual([100, 200]);
});

test.each(['417 Expectation Failed', '413 Payload Too Large', '401 Unauthorized'])(
  'an upstream that responds to Expect with %s closes both connections',
  async (status) => {
    const fixture = await startRouter();
    const puma = new FakeUpstream(fixture.pumaSocket);
    const client = fixture
      .client()
      .send(request('/', { method: 'POST', headers: ['Content-Length: 2', 'Expect: 100-continue'] }));
    const server = await puma.awaitRequest();
    server.send(plainResponse('no', status));
    const response = await awaitResponse(client);
    expect(response.start).toBe(`HTTP/1.1 ${status}`);
    // The client may or may not send the body now, so neither connection can carry another request.
    expect(headerOf(response, 'connection')).toBe('close');
    await client.closed();
    await server.closed();
  },
);

test('an unknown expectation is rejected', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture
    .client()
    .send(request('/', { method: 'POST', headers: ['Content-Length: 2', 'Expect: 200-ok'], body: 'hi' }));
  expect(statusOf(await awaitResponse(client))).toBe(417);
  expect(puma.connections).toEqual([]);
});

test('early hints are forwarded at once', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  const links = ['Link: </a.css>; rel=preload; as=style', 'Link: </b.js>; rel=preload; as=script'];
  server.send(`HTTP/1.1 103 Early Hints\r\n${links.join('\r\n')}\r\n\r\n`);
  await client.until(/103 Early Hints\r\n[^]*a\.css[^]*b\.js[^]*\r\n\r\n/);
  server.send(plainResponse('ok'));
  await awaitResponse(client);
  expect(parseResponses(client.received).map(statusOf)).toEqual([103, 200]);
});

test('invalid early hints are dropped', async () => {
  const fixture = await startRouter();
  respondingUpstream(
    fixture.pumaSocket,
    () => `HTTP/1.1 103 Early Hints\r\nLink: nonsense\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${plainResponse('ok')}`,
  );
  const client = fixture.client().send(request('/'));
  expect(await awaitResponse(client)).toMatchObject({ body: 'ok' });
});

test.each(['100 Continue', '103 Early Hints\r\nLink: </a.css>; rel=preload'])(
  'an HTTP/1.0 client does not get %s',
  async (status) => {
    const fixture = await startRouter();
    respondingUpstream(fixture.pumaSocket, () => `HTTP/1.1 ${status}\r\n\r\n${plainResponse('ok')}`);
    const client = fixture.client().send('GET / HTTP/1.0\r\n\r\n');
    await awaitResponse(client);
    expect(parseResponses(client.received).map(statusOf)).toEqual([200]);
  },
);

test.each([
  ['a length', 'Content-Length: 4\r\n\r\nbody'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\n'],
])('an HTTP/1.0 client gets a response with %s, and its connection closes', async (_, response) => {
  const fixture = await startRouter();
  respondingUpstream(fixture.pumaSocket, () => `HTTP/1.1 200 OK\r\n${response}`);
  const client = fixture.client().send('GET / HTTP/1.0\r\n\r\n');
  const [, body] = (await client.closed()).split('\r\n\r\n');
  expect(body).toBe('body');
  expect(client.received).not.toMatch(/chunked|trailer/i);
  expect(client.error).toBeNull();
});

test('HTTP/1.0 with keep-alive keeps its connection if the response has a length', async () => {
  const fixture = await startRouter();
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const again = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
  const client = fixture.client().send(again);
  expect(headerOf(await awaitResponse(client), 'connection')).toBe('keep-alive');
  client.send(again);
  await awaitResponses(client, 2);
});

/** Invalid responses. No part of them reaches the client. */
test.each([
  ['bytes that are not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['HTTP/2 frames', '\0\0\x12\x04\0\0\0\0\0\r\n\r\n'],
  ['nothing', ''],
  ['half a status line', 'HTTP/1.1 20'],
  ['half a head', 'HTTP/1.1 200 OK\r\nA: b\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a header without a colon', 'HTTP/1.1 200 OK\r\nA\r\nContent-Length: 0\r\n\r\n'],
  ['a space in a name', 'HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n'],
  ['a space before a colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
  ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
  ['a bare LF in a value', 'HTTP/1.1 200 OK\r\nA: b\nSet-Cookie: c\r\nContent-Length: 0\r\n\r\n'],
  ['a bare CR in a value', 'HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n'],
  ['a NUL in a value', 'HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n'],
  ['a control character in the reason', 'HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n'],
  [
    'a 101 to a request that is not an upgrade',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n'],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0, 0\r\n\r\n'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['an unsupported coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['headers that are too large', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(100_000)}`],
])('an upstream that sends %s: 502 and a warning', async (_, bytes) => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket, (connection) => {
    connection.socket.once('data', () => connection.send(bytes).socket.end());
  });
  const response = await awaitResponse(fixture.client().send(request('/')));
  expect(statusOf(response)).toBe(502);
  expect(response.body).not.toContain(fixture.folder);
  expect(fixture.warnings).toMatchObject([{ child: 'puma', count: 1 }]);
  await (await puma.awaitConnection()).closed();
});

test.each([
  ['behind a length', plainResponse('ok')],
  ['behind chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
])('a second response to one request, %s, is dropped', async (_, response) => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket, (connection) => {
    connection.socket.once('data', () => connection.send(`${response}${plainResponse('forged')}`));
  });
  const client = fixture.client().send(request('/'));
  expect((await awaitResponse(client)).body).toBe('ok');
  await (await puma.awaitConnection()).closed();
  client.send(request('/'));
  expect((await awaitResponses(client, 2)).map(({ body }) => body)).toEqual(['ok', 'ok']);
  expect(puma.connections).toHaveLength(2);
});
