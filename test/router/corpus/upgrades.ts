import { bytesOf, get, HOST, SMUGGLED, type Case } from './case.ts';

const API = '/api/v1/streaming';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const VERSION = 'Sec-WebSocket-Version: 13';
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket'];
const VALID = [...UPGRADE, KEY, VERSION];

/** Each has `GET /metrics` behind it, which a router would forward unchecked if it took the connection for upgraded. */
export const UPGRADES: readonly Case[] = [
  ...[
    '/',
    '/metrics',
    '/api/v1/streamingx',
    `${API}/../../../metrics`,
    `${API}/%2e%2e/metrics`,
    `${API}//metrics`,
    `http://social.example${API}`,
    `//${API}`,
  ].map((target): Case => ({
    name: `an upgrade of ${target}`,
    bytes: get(target, ...VALID) + SMUGGLED,
    outcome: 'rejected',
  })),
  ...['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((method): Case => ({
    name: `an upgrade with ${method}`,
    bytes: bytesOf(method, API, '', ...VALID) + SMUGGLED,
    outcome: 'rejected',
  })),
  ...[
    'h2c',
    'websocket, h2c',
    'h2c, websocket',
    'TLS/1.0',
    'websocketx',
    'WebSocket/13',
    '"websocket"',
    'web socket',
    ',',
  ].map((protocol): Case => ({
    name: `Upgrade: ${protocol}`,
    bytes:
      get(
        API,
        'Connection: Upgrade, HTTP2-Settings',
        `Upgrade: ${protocol}`,
        'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
        KEY,
        VERSION,
      ) + SMUGGLED,
    outcome: 'rejected',
  })),
  ...(
    [
      ['two Upgrade headers', get(API, 'Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c', KEY, VERSION)],
      [
        'an upgrade with both framings',
        bytesOf('GET', API, `0\r\n\r\n`, ...VALID, 'Transfer-Encoding: chunked', 'Content-Length: 5'),
      ],
      ['an upgrade with a body', bytesOf('GET', API, 'x', ...VALID, 'Content-Length: 1')],
      ['an upgrade with a chunked body', bytesOf('GET', API, '0\r\n\r\n', ...VALID, 'Transfer-Encoding: chunked')],
      ['an upgrade with two Hosts', get(API, 'Host: other.example', ...VALID)],
      ['an upgrade in HTTP/1.0 on another path', `GET /metrics HTTP/1.0\r\n${HOST}${VALID.join('\r\n')}\r\n\r\n`],
    ] as const
  ).map(([name, bytes]): Case => ({ name, bytes: bytes + SMUGGLED, outcome: 'rejected' })),
  // The upstream of these tests responds to them with 426, keeps its connection and would respond to the next request.
  ...(
    [
      ['an upgrade with an unknown version', get(API, ...UPGRADE, KEY, 'Sec-WebSocket-Version: 99')],
      ['an upgrade without a version', get(API, ...UPGRADE, KEY)],
      ['an upgrade without a key', get(API, ...UPGRADE, VERSION)],
      [
        'an upgrade in HTTP/1.0',
        `GET ${API} HTTP/1.0\r\n${HOST}${[...UPGRADE, KEY, 'Sec-WebSocket-Version: 99'].join('\r\n')}\r\n\r\n`,
      ],
      [
        'an upgrade in upper case',
        get(API, 'CONNECTION: UPGRADE', 'UPGRADE: WEBSOCKET', KEY, 'Sec-WebSocket-Version: 99'),
      ],
      [
        'an upgrade with keep-alive',
        get(API, 'Connection: keep-alive, Upgrade', 'Upgrade: websocket', KEY, 'Sec-WebSocket-Version: 99'),
      ],
      ['an upgrade with an empty body', get(API, ...UPGRADE, KEY, 'Content-Length: 0')],
      ['an upgrade that expects 100-continue', get(API, ...UPGRADE, KEY, 'Expect: 100-continue')],
    ] as const
  ).map(([name, bytes]): Case => ({ name, bytes: bytes + SMUGGLED, outcome: 'either', streaming: [`GET ${API}`] })),
  {
    name: 'an upgrade pipelined behind a request',
    bytes: get('/a') + get('/metrics', ...VALID) + SMUGGLED,
    outcome: 'either',
    puma: ['GET /a'],
  },
  {
    name: 'Upgrade without Connection: Upgrade is no upgrade',
    bytes: get(API, 'Upgrade: websocket', KEY, VERSION) + get('/metrics'),
    outcome: 'either',
    streaming: [`GET ${API}`],
    puma: ['GET /metrics'],
  },
  {
    name: 'Upgrade without Connection: Upgrade is no upgrade for puma either',
    bytes: get('/a', 'Upgrade: websocket', KEY, VERSION) + get('/metrics'),
    outcome: 'either',
    puma: ['GET /a', 'GET /metrics'],
  },
  {
    name: 'Connection: Upgrade without Upgrade',
    bytes: get('/a', 'Connection: Upgrade') + get('/metrics'),
    outcome: 'either',
    puma: ['GET /a', 'GET /metrics'],
  },
];
