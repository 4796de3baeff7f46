import { expect, test } from 'vitest';
import { readReplies, statusOf, valueOf } from './messages.ts';
import { repliesOn, replyOn } from './replies.ts';
import { request, startRouter } from './rig.ts';
import { answering, plain, requestsOf, Upstream } from './upstream.ts';

/** Replies without a body, whatever their headers say: the next one on the connection is understood. */
test.each([
  ['HEAD with a length', 'HEAD', '200 OK', 'Content-Length: 1234\r\n', '1234'],
  ['HEAD with chunks', 'HEAD', '200 OK', 'Transfer-Encoding: chunked\r\n', null],
  ['HEAD with neither', 'HEAD', '200 OK', '', null],
  ['204', 'DELETE', '204 No Content', '', null],
  ['304', 'GET', '304 Not Modified', 'ETag: "a"\r\n', null],
  ['304 with a length', 'GET', '304 Not Modified', 'Content-Length: 1234\r\n', '1234'],
  ['a length of 0', 'GET', '200 OK', 'Content-Length: 0\r\n', '0'],
] as const)('a reply without a body: %s', async (_, method, status, headers, length) => {
  const rig = await startRouter();
  const puma = answering(rig.pumaSocket, (asked) =>
    asked.start.includes('/second') ? plain('second') : `HTTP/1.1 ${status}\r\n${headers}\r\n`,
  );
  const client = rig.client().send(request('/', { method }));
  const first = await replyOn(client, method);
  client.send(request('/second'));
  const [, second] = await repliesOn(client, 2, [method]);
  expect(first.start).toBe(`HTTP/1.1 ${status}`);
  expect(valueOf(first, 'content-length')).toBe(length);
  expect(second?.body).toBe('second');
  expect(puma.wires).toHaveLength(1);
});

test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
  '%s, with and without a body',
  async (method) => {
    const rig = await startRouter();
    const puma = answering(rig.pumaSocket, () => plain(method === 'HEAD' ? '' : 'ok'));
    const body = request('/b', { method, headers: ['Content-Length: 2'], body: 'hi' });
    await repliesOn(rig.client().send(request('/a', { method }) + body), 2, [method, method]);
    expect(await requestsOf(puma, 2)).toMatchObject([{ body: '' }, { body: 'hi' }]);
  },
);

test('chunks go both ways, cut as they come', async () => {
  const rig = await startRouter();
  const puma = answering(
    rig.pumaSocket,
    () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\none\r\n5\r\n, two\r\n0\r\n\r\n',
  );
  const body = '2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n';
  const reply = await replyOn(
    rig.client().send(request('/', { method: 'POST', headers: ['Transfer-Encoding: chunked'], body })),
  );
  expect(reply).toMatchObject({ body: 'one, two', isComplete: true });
  expect(await requestsOf(puma, 1)).toMatchObject([{ body: 'hello' }]);
});

test('a reply that ends with its connection is whole for the client', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\n\r\nall of it').socket.end();
  expect(await replyOn(client)).toMatchObject({ body: 'all of it', isComplete: true });
  expect(client.isClosed).toBe(false);
});

test('100-continue comes before the body is sent, and once', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig
    .client()
    .send(request('/', { method: 'POST', headers: ['Content-Length: 2', 'Expect: 100-continue'] }));
  const server = await puma.wire();
  expect(await server.until('\r\n\r\n')).toMatch(/\r\nExpect: 100-continue\r\n/);
  expect(client.received).toBe('');
  server.send('HTTP/1.1 100 Continue\r\n\r\n');
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('hi');
  await server.until('\r\n\r\nhi');
  server.send(plain('ok'));
  await replyOn(client);
  expect(readReplies(client.received).map(statusOf)).toEqual([100, 200]);
});

test.each(['417 Expectation Failed', '413 Payload Too Large', '401 Unauthorized'])(
  'an upstream that answers Expect with %s: no body is asked for',
  async (status) => {
    const rig = await startRouter();
    const puma = new Upstream(rig.pumaSocket);
    const client = rig
      .client()
      .send(request('/', { method: 'POST', headers: ['Content-Length: 2', 'Expect: 100-continue'] }));
    const server = await puma.asked();
    server.send(plain('no', status));
    const reply = await replyOn(client);
    expect(reply.start).toBe(`HTTP/1.1 ${status}`);
    // Whether the body follows nobody knows: neither connection can carry another request.
    expect(valueOf(reply, 'connection')).toBe('close');
    await client.closed();
    await server.closed();
  },
);

test('an expectation that nobody knows is refused', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig
    .client()
    .send(request('/', { method: 'POST', headers: ['Content-Length: 2', 'Expect: 200-ok'], body: 'hi' }));
  expect(statusOf(await replyOn(client))).toBe(417);
  expect(puma.wires).toEqual([]);
});

test('early hints are passed back at once', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  const server = await puma.asked();
  const links = ['Link: </a.css>; rel=preload; as=style', 'Link: </b.js>; rel=preload; as=script'];
  server.send(`HTTP/1.1 103 Early Hints\r\n${links.join('\r\n')}\r\n\r\n`);
  await client.until(/103 Early Hints\r\n[^]*a\.css[^]*b\.js[^]*\r\n\r\n/);
  server.send(plain('ok'));
  await replyOn(client);
  expect(readReplies(client.received).map(statusOf)).toEqual([103, 200]);
});

test('early hints that are none are left out', async () => {
  const rig = await startRouter();
  answering(
    rig.pumaSocket,
    () => `HTTP/1.1 103 Early Hints\r\nLink: nonsense\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${plain('ok')}`,
  );
  const client = rig.client().send(request('/'));
  expect(await replyOn(client)).toMatchObject({ body: 'ok' });
});

test.each(['100 Continue', '103 Early Hints\r\nLink: </a.css>; rel=preload'])(
  'HTTP/1.0 hears nothing of %s',
  async (status) => {
    const rig = await startRouter();
    answering(rig.pumaSocket, () => `HTTP/1.1 ${status}\r\n\r\n${plain('ok')}`);
    const client = rig.client().send('GET / HTTP/1.0\r\n\r\n');
    await replyOn(client);
    expect(readReplies(client.received).map(statusOf)).toEqual([200]);
  },
);

test.each([
  ['a length', 'Content-Length: 4\r\n\r\nbody'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\n'],
])('HTTP/1.0 gets %s as it understands it, and its connection ends', async (_, reply) => {
  const rig = await startRouter();
  answering(rig.pumaSocket, () => `HTTP/1.1 200 OK\r\n${reply}`);
  const client = rig.client().send('GET / HTTP/1.0\r\n\r\n');
  const [, body] = (await client.closed()).split('\r\n\r\n');
  expect(body).toBe('body');
  expect(client.received).not.toMatch(/chunked|trailer/i);
  expect(client.error).toBeNull();
});

test('HTTP/1.0 with keep-alive keeps its connection where the reply has a length', async () => {
  const rig = await startRouter();
  answering(rig.pumaSocket, () => plain('ok'));
  const again = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
  const client = rig.client().send(again);
  expect(valueOf(await replyOn(client), 'connection')).toBe('keep-alive');
  client.send(again);
  await repliesOn(client, 2);
});

/** What an upstream may not say: nothing of it gets to the client as if it were a reply. */
test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['HTTP/2', '\0\0\x12\x04\0\0\0\0\0\r\n\r\n'],
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
    'a switch of protocols that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n'],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0, 0\r\n\r\n'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a coding that nobody knows', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['headers without end', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(100_000)}`],
])('an upstream that says %s: 502, and a line in the log', async (_, said) => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket, (wire) => {
    wire.socket.once('data', () => wire.send(said).socket.end());
  });
  const reply = await replyOn(rig.client().send(request('/')));
  expect(statusOf(reply)).toBe(502);
  expect(reply.body).not.toContain(rig.folder);
  expect(rig.told('router-trouble')).toMatchObject([{ child: 'puma', count: 1 }]);
  await (await puma.wire()).closed();
});

test.each([
  ['behind a length', plain('ok')],
  ['behind chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
])("a reply that nobody asked for, %s, is nobody's", async (_, reply) => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket, (wire) => {
    wire.socket.once('data', () => wire.send(`${reply}${plain('forged')}`));
  });
  const client = rig.client().send(request('/'));
  expect((await replyOn(client)).body).toBe('ok');
  await (await puma.wire()).closed();
  client.send(request('/'));
  expect((await repliesOn(client, 2)).map(({ body }) => body)).toEqual(['ok', 'ok']);
  expect(puma.wires).toHaveLength(2);
});
