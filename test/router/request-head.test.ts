import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { requestHead } from '../../src/router/request-head.ts';

/** A request as node:http parses it. */
function request(
  rawHeaders: string[],
  { peer = '203.0.113.9', method = 'GET', httpVersionMinor = 1 } = {},
): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers[(rawHeaders[at] ?? '').toLowerCase()] ??= rawHeaders[at + 1] ?? '';
  const message = { method, url: '/a?b', rawHeaders, headers, httpVersionMajor: 1, httpVersionMinor };
  return Object.assign(new IncomingMessage(socket), message);
}

function lines(rawHeaders: string[], options?: Parameters<typeof request>[1], isUpgrade = false): string[] {
  const head = requestHead(request(rawHeaders, options), isUpgrade);
  if ('status' in head) return [`${head.status} ${head.reason}`];
  expect(head.text.endsWith('\r\n')).toBe(true);
  return [...head.text.trimEnd().split('\r\n'), head.body];
}

test('headers are forwarded unchanged, with the address of the client', () => {
  const raw = [
    'Host',
    'a.example',
    'accept',
    '*/*',
    'X-Request-Id',
    '1',
    'X-Request-Start',
    '2',
    'X-Forwarded-Proto',
    'https',
  ];
  expect(lines([...raw, 'Cookie', 'a=b'])).toEqual([
    'GET /a?b HTTP/1.1',
    'Host: a.example',
    'accept: */*',
    'X-Request-Id: 1',
    'X-Request-Start: 2',
    'X-Forwarded-Proto: https',
    'Cookie: a=b',
    'X-Forwarded-For: 203.0.113.9',
    'none',
  ]);
});

describe('X-Forwarded-For', () => {
  const LINE = /^X-Forwarded-For: (.*)$/i;
  test.each([
    ['no header, and a client', [], '198.51.100.7', '198.51.100.7'],
    ['no header, and a client over IPv6', [], '2001:db8::7', '2001:db8::7'],
    ['an IPv4 client on an IPv6 socket', [], '::ffff:198.51.100.7', '198.51.100.7'],
    ['an edge with a private address', ['198.51.100.7'], '10.1.2.3', '198.51.100.7'],
    ['an edge with a unique local address', ['198.51.100.7'], 'fdaa:0:1::3', '198.51.100.7'],
    ['an edge on this machine', ['198.51.100.7'], '::1', '198.51.100.7'],
    ['an edge with a public address', ['198.51.100.7'], '203.0.113.9', '198.51.100.7'],
    [
      'an edge with a carrier-grade NAT address, which is no proxy to Rails',
      ['198.51.100.7'],
      '100.64.0.3',
      '198.51.100.7',
    ],
    [
      'private addresses only, and a client',
      ['10.0.0.1, 192.168.0.1'],
      '203.0.113.9',
      '10.0.0.1, 192.168.0.1, 203.0.113.9',
    ],
    ['private addresses only, and an edge', ['192.168.0.1'], '10.1.2.3', '192.168.0.1'],
    ['a value that is no address', ['unknown'], '203.0.113.9', 'unknown'],
    ['two headers', ['198.51.100.7', '192.0.2.1'], '172.31.0.1', '198.51.100.7, 192.0.2.1'],
  ])('%s', (_, forwarded, peer, expected) => {
    const raw = ['Host', 'a', ...forwarded.flatMap((value) => ['X-Forwarded-For', value])];
    const found = lines(raw, { peer }).filter((line) => LINE.test(line));
    expect(found).toEqual([`X-Forwarded-For: ${expected}`]);
  });
});

describe('hop-by-hop headers are removed', () => {
  test.each(['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Proxy-Authorization', 'Upgrade'])('%s', (name) => {
    expect(lines(['Host', 'a', name, 'x']).join()).not.toMatch(new RegExp(`^${name}:`, 'im'));
  });

  test('headers named by Connection', () => {
    expect(lines(['Host', 'a', 'Connection', 'close, X-Mine', 'x-mine', '1']).join()).not.toMatch(/mine/i);
  });

  test.each([
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Host',
    'Cookie',
    'Authorization',
    'Content-Length',
    'X-Request-Id',
  ])('%s is kept even if Connection names it', (name) => {
    const raw = name === 'Host' ? ['Host', '0'] : ['Host', 'a', name, '0'];
    expect(lines([...raw, 'Connection', name]).join('\n')).toMatch(new RegExp(`^${name}: 0`, 'm'));
  });
});

describe('the body', () => {
  test.each([
    [['Content-Length', '5'], 'length'],
    [['Content-Length', '0'], 'none'],
    [['Transfer-Encoding', 'chunked'], 'chunked'],
    [['Transfer-Encoding', 'Chunked'], 'chunked'],
    [[], 'none'],
  ])('%j: %s', (raw, body) => {
    expect(lines(['Host', 'a', ...raw]).at(-1)).toBe(body);
  });

  test('has one Transfer-Encoding header if it is chunked', () => {
    const found = lines(['Host', 'a', 'Transfer-Encoding', 'chunked']).filter((line) =>
      line.startsWith('Transfer-Encoding'),
    );
    expect(found).toEqual(['Transfer-Encoding: chunked']);
  });
});

test.each([
  [['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'], '501 unsupported Transfer-Encoding'],
  [['Host', 'a', 'Host', 'b'], '400 more than one Host header'],
  [[], '400 missing Host header'],
  [['Host', 'a', 'Expect', '200-ok'], '417 unsupported Expect'],
])('%j is rejected with %s', (raw, expected) => {
  expect(lines(raw)).toEqual([expected]);
});

test('HTTP/1.0 without Host gets Host: localhost', () => {
  expect(lines([], { httpVersionMinor: 0 })).toContain('Host: localhost');
});

test('an upgrade is forwarded as one, without a body', () => {
  const raw = ['Host', 'a', 'Connection', 'keep-alive, Upgrade', 'Upgrade', 'WebSocket', 'Sec-WebSocket-Key', 'k'];
  expect(lines(raw, {}, true)).toEqual([
    'GET /a?b HTTP/1.1',
    'Host: a',
    'Sec-WebSocket-Key: k',
    'X-Forwarded-For: 203.0.113.9',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'none',
  ]);
});
