import { ask, get, HOST, SMUGGLED, type Case } from './case.ts';

const API = '/api/v1/streaming';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const VERSION = 'Sec-WebSocket-Version: 13';
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket'];
const GOOD = [...UPGRADE, KEY, VERSION];

/** Each with `GET /metrics` right behind it: for a router that believes in an upgrade which never was. */
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
    bytes: get(target, ...GOOD) + SMUGGLED,
    outcome: 'rejected',
  })),
  ...['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((method): Case => ({
    name: `an upgrade with ${method}`,
    bytes: ask(method, API, '', ...GOOD) + SMUGGLED,
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
        'an upgrade with both',
        ask('GET', API, `0\r\n\r\n`, ...GOOD, 'Transfer-Encoding: chunked', 'Content-Length: 5'),
      ],
      ['an upgrade with two Hosts', get(API, 'Host: other.example', ...GOOD)],
      ['an upgrade in HTTP/1.0 of something else', `GET /metrics HTTP/1.0\r\n${HOST}${GOOD.join('\r\n')}\r\n\r\n`],
    ] as const
  ).map(([name, bytes]): Case => ({ name, bytes: bytes + SMUGGLED, outcome: 'rejected' })),
  // The upstream of these tests says 426 to them, keeps its connection open and would answer what comes next.
  ...(
    [
      ['an upgrade with a version that nobody speaks', get(API, ...UPGRADE, KEY, 'Sec-WebSocket-Version: 99')],
      ['an upgrade without a version', get(API, ...UPGRADE, KEY)],
      ['an upgrade without a key', get(API, ...UPGRADE, VERSION)],
      [
        'an upgrade in HTTP/1.0',
        `GET ${API} HTTP/1.0\r\n${HOST}${[...UPGRADE, KEY, 'Sec-WebSocket-Version: 99'].join('\r\n')}\r\n\r\n`,
      ],
      [
        'an upgrade in capitals',
        get(API, 'CONNECTION: UPGRADE', 'UPGRADE: WEBSOCKET', KEY, 'Sec-WebSocket-Version: 99'),
      ],
      [
        'an upgrade beside keep-alive',
        get(API, 'Connection: keep-alive, Upgrade', 'Upgrade: websocket', KEY, 'Sec-WebSocket-Version: 99'),
      ],
      ['an upgrade with a body of nothing', get(API, ...UPGRADE, KEY, 'Content-Length: 0')],
      ['an upgrade that expects 100-continue', get(API, ...UPGRADE, KEY, 'Expect: 100-continue')],
    ] as const
  ).map(([name, bytes]): Case => ({ name, bytes: bytes + SMUGGLED, outcome: 'either', streaming: [`GET ${API}`] })),
  {
    name: 'an upgrade behind a request',
    bytes: get('/a') + get('/metrics', ...GOOD) + SMUGGLED,
    outcome: 'either',
    puma: ['GET /a'],
  },
  {
    name: 'Upgrade, not named in Connection: no upgrade at all',
    bytes: get(API, 'Upgrade: websocket', KEY, VERSION) + get('/metrics'),
    outcome: 'either',
    streaming: [`GET ${API}`],
    puma: ['GET /metrics'],
  },
  {
    name: 'Upgrade elsewhere, not named in Connection: no upgrade at all',
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
