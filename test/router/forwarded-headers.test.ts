import { expect, test } from 'vitest';
import { MAX_HEADER_BYTES } from '../../src/router/limits.ts';
import { statusOf, type Header, type Message } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, awaitRequests } from './fake-upstream.ts';

const HOST: Header = ['Host', 'social.example'];
const PEER: Header = ['X-Forwarded-For', '127.0.0.1'];

/** The headers that puma gets of a request with these headers. */
async function requestHeaders(...headers: readonly string[]): Promise<readonly Header[]> {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  await awaitResponse(fixture.client().send(request('/', { headers })));
  return (await awaitRequests(puma, 1))[0]?.headers ?? [];
}

/** The response that a client gets when puma sends these headers. */
async function responseWith(...headers: readonly string[]): Promise<Message> {
  const fixture = await startRouter();
  respondingUpstream(
    fixture.pumaSocket,
    () => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${headers.join('\r\n')}\r\n\r\nok`,
  );
  return awaitResponse(fixture.client().send(request('/')));
}

test('request headers keep their case, order and number', async () => {
  const headers = ['x-b: 1', 'X-A: 2', 'x-B: 3', 'Cookie: a=b', 'cookie: c=d', 'Accept: */*', 'X-Empty:'];
  const pairs = headers.map((line) => /^(.*?): ?(.*)$/.exec(line)?.slice(1));
  expect(await requestHeaders(...headers)).toEqual([HOST, ...pairs, PEER]);
});

test.each([
  'X-Forwarded-Proto: https',
  'X-Forwarded-Port: 443',
  'X-Forwarded-Host: other.example',
  'X-Request-Id: 6f1c-7',
  'X-Request-Start: 1767225600000',
  'Forwarded: for=192.0.2.60;proto=https',
  'Via: 1.1 heroku-router',
  'Authorization: Bearer abc',
  'Signature: keyId="a",signature="b=="',
  'Digest: SHA-256=abc=',
  'Date: Thu, 01 Jan 2026 00:00:00 GMT',
  'Range: bytes=0-99',
  'If-None-Match: W/"a"',
  'Accept-Encoding: gzip, br',
  'X-Real-Ip: 192.0.2.1',
])('%s is forwarded unchanged', async (line) => {
  expect(await requestHeaders(line)).toEqual([HOST, line.split(': '), PEER]);
});

test.each([
  'Connection: keep-alive',
  'Connection: close',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'Proxy-Authorization: Basic abc',
  'TE: trailers',
  'Upgrade: h2c',
])('%s is not forwarded', async (line) => {
  expect(await requestHeaders(line)).toEqual([HOST, PEER]);
});

test('headers named by Connection are not forwarded, except protected ones', async () => {
  const kept = ['X-Forwarded-Proto: https', 'X-Request-Id: a', 'Cookie: b', 'Authorization: c', 'Forwarded: for=d'];
  const named =
    'Connection: X-Hop, close, x-forwarded-for, X-Forwarded-Proto, host, x-request-id, cookie, authorization, forwarded';
  expect(await requestHeaders('X-Forwarded-For: 192.0.2.1', named, 'X-Hop: 1', ...kept)).toEqual([
    HOST,
    ...kept.map((line) => line.split(': ')),
    ['X-Forwarded-For', '192.0.2.1'],
  ]);
});

test.each([
  ['one address', ['X-Forwarded-For: 192.0.2.1'], '192.0.2.1'],
  ['a list', ['X-Forwarded-For: 192.0.2.1, 10.0.0.1'], '192.0.2.1, 10.0.0.1'],
  ['two headers', ['X-Forwarded-For: 192.0.2.1', 'x-forwarded-for: 192.0.2.2'], '192.0.2.1, 192.0.2.2'],
  ['none', [], '127.0.0.1'],
])('X-Forwarded-For: %s', async (_, lines, all) => {
  expect(await requestHeaders(...lines)).toEqual([HOST, ['X-Forwarded-For', all]]);
});

test('response headers keep their case, order and number', async () => {
  const headers = [
    'set-cookie: a=1; path=/',
    'X-B: 1',
    'Set-Cookie: b=2',
    'x-a: 2',
    'Link: <a>; rel=next',
    'Vary: Accept',
    'vary: Origin',
    'Date: never',
    'Server: puma',
  ];
  const response = await responseWith(...headers);
  const seen = response.headers.filter(([name]) => !/^(connection|keep-alive|content-length)$/i.test(name));
  expect(seen).toEqual(headers.map((line) => /^(.*?): (.*)$/.exec(line)?.slice(1)));
});

test('hop-by-hop headers of a response are not forwarded', async () => {
  const { headers } = await responseWith(
    'Connection: X-Hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=7',
    'Proxy-Authenticate: Basic',
    'Upgrade: h2c',
  );
  expect(headers).toEqual([
    ['Content-Length', '2'],
    ['Connection', 'keep-alive'],
    ['Keep-Alive', 'timeout=95'],
  ]);
});

test('a response without Date is forwarded without Date', async () => {
  expect((await responseWith('A: b')).headers.map(([name]) => name)).not.toContain('Date');
});

test.each([
  ['200 OK', '200 OK'],
  ['200 Fine and dandy', '200 Fine and dandy'],
  ['299 ', '299 '],
  ['422 Unprocessable Content', '422 Unprocessable Content'],
  ['599 What', '599 What'],
])('the status line %s is forwarded', async (statusLine, expected) => {
  const fixture = await startRouter();
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok', statusLine));
  expect((await awaitResponse(fixture.client().send(request('/')))).start).toBe(`HTTP/1.1 ${expected}`);
});

test('bytes beyond ASCII are forwarded unchanged, both ways', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(
    fixture.pumaSocket,
    () => 'HTTP/1.1 200 OK\r\nA: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n',
  );
  const response = await awaitResponse(
    fixture.client().send(request('/', { headers: ['B: na\xefve', 'C: \xc3\xa4'] })),
  );
  expect(response.headers).toContainEqual(['A', 'caf\xc3\xa9']);
  const [forwarded] = await awaitRequests(puma, 1);
  expect(forwarded?.headers).toEqual([HOST, ['B', 'na\xefve'], ['C', '\xc3\xa4'], PEER]);
});

test('HTTP/1.0 without Host gets one', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  await awaitResponse(fixture.client().send('GET / HTTP/1.0\r\n\r\n'));
  expect((await awaitRequests(puma, 1))[0]?.headers).toEqual([['Host', 'localhost'], PEER]);
});

test('headers up to the limit are forwarded, larger ones are rejected', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const cookie = (length: number): string => request('/', { headers: [`Cookie: ${'a'.repeat(length)}`] });
  expect(statusOf(await awaitResponse(fixture.client().send(cookie(MAX_HEADER_BYTES - 500))))).toBe(200);
  const client = fixture.client().send(cookie(MAX_HEADER_BYTES + 1));
  expect(statusOf(await awaitResponse(client))).toBe(431);
  await client.closed();
  await expectServed(fixture);
  expect(puma.requests).toHaveLength(2);
});

test('a target up to the limit is forwarded, a longer one is rejected', async () => {
  const fixture = await startRouter();
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  expect(statusOf(await awaitResponse(fixture.client().send(request(`/${'a'.repeat(MAX_HEADER_BYTES - 500)}`))))).toBe(
    200,
  );
  expect(statusOf(await awaitResponse(fixture.client().send(request(`/${'a'.repeat(MAX_HEADER_BYTES + 1)}`))))).toBe(
    431,
  );
});

test('900 headers are all forwarded', async () => {
  const many = Array.from({ length: 900 }, (_, index) => `X-${index}: ${index}`);
  expect(await requestHeaders(...many)).toHaveLength(902);
});

test('large response headers are forwarded', async () => {
  const cookies = Array.from({ length: 50 }, (_, index) => `Set-Cookie: a${index}=${'b'.repeat(2000)}`);
  const { headers } = await responseWith(...cookies);
  expect(headers.filter(([name]) => name === 'Set-Cookie')).toHaveLength(50);
});

async function expectServed(fixture: RouterFixture): Promise<void> {
  expect(statusOf(await awaitResponse(fixture.client().send(request('/'))))).toBe(200);
}

test('headers behind thousands of small ones are not dropped', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, (message) => plainResponse(message.body));
  const many = Array.from({ length: 2100 }, () => 'a:1');
  const last = ['X-Forwarded-For: 192.0.2.1', 'Content-Length: 5'];
  const client = fixture.client().send(request('/', { method: 'POST', headers: [...many, ...last], body: 'hello' }));
  expect((await awaitResponse(client, 'POST')).body).toBe('hello');
  expect(puma.requests[0]?.headers).toContainEqual(['X-Forwarded-For', '192.0.2.1']);
});
