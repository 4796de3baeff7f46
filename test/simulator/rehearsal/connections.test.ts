import { createServer, connect, type AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  countConnections,
  findDatabase,
  readConnections,
  parseTcp,
  parseDatabaseUrl,
} from '../../../src/simulator/rehearsal/connections.ts';
import { startDyno } from '../../harness/dyno.ts';
import { eventually } from '../../harness/eventually.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1081 1 000000008ba2b800 100 0 0 10 0
   1: 0100007F:A2C4 0100007F:1538 01 00000000:00000000 00:00000000 00000000  1000        0 2001 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:A2C6 0200000A:1538 01 00000000:00000000 00:00000000 00000000  1000        0 2002 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:A2C8 0100007F:1538 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0000000000000000
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:A2C4 00000000000000000000000001000000:1538 01 00000000:00000000 00:00000000 00000000  1000        0 3001 1 0000000000000000 20 4 30 10 -1
   1: 0000000000000000FFFF00000100007F:A2C5 0000000000000000FFFF00000100007F:1538 01 00000000:00000000 00:00000000 00000000  1000        0 3002 1 0000000000000000 20 4 30 10 -1
   2: B80D0120000000000000000001000000:A2C5 B80D0120000000000000000002000000:1538 01 00000000:00000000 00:00000000 00000000  1000        0 3003 1 0000000000000000 20 4 30 10 -1
`;

test('the table of TCP: remote ends, states, inodes', () => {
  expect(parseTcp(TCP)).toEqual([
    { remote: '0.0.0.0', remotePort: 0, isEstablished: false, inode: '1081' },
    { remote: '127.0.0.1', remotePort: 5432, isEstablished: true, inode: '2001' },
    { remote: '10.0.0.2', remotePort: 5432, isEstablished: true, inode: '2002' },
    { remote: '127.0.0.1', remotePort: 5432, isEstablished: false, inode: '0' },
  ]);
});

test('the table of IPv6, with IPv4 addresses in it', () => {
  expect(parseTcp(TCP6).map(({ remote }) => remote)).toEqual(['0:0:0:0:0:0:0:1', '127.0.0.1', '2001:db8:0:0:0:0:0:2']);
});

test('no table', () => expect(parseTcp('')).toEqual([]));

test('counts the established ones of these processes, to that place', () => {
  const [rows, place] = [parseTcp(TCP), { addresses: ['127.0.0.1'], port: 5432 }];
  expect(countConnections(rows, new Set(['2001', '2002', '0']), place)).toBe(1);
  expect(countConnections(rows, new Set(['2002']), place)).toBe(0);
  expect(countConnections(rows, new Set(['2001']), { ...place, port: 5433 })).toBe(0);
});

test.each([
  [undefined, 'no DATABASE_URL is set'],
  ['', 'no DATABASE_URL is set'],
  ['what', 'DATABASE_URL is no URL'],
  ['postgres:///mastodon', 'DATABASE_URL is a unix socket'],
  ['postgres://user@%2Frun%2Fpostgresql/mastodon', 'DATABASE_URL is a unix socket'],
  ['postgres://me@ignored/mastodon?host=/run/postgresql', 'DATABASE_URL is a unix socket'],
  ['postgres://user:secret@db.example.com/mastodon', { host: 'db.example.com', port: 5432 }],
  ['postgres://db.example.com:6543/mastodon', { host: 'db.example.com', port: 6543 }],
  ['postgres://[::1]:6543/mastodon', { host: '::1', port: 6543 }],
])('the place of %j', (url, place) => expect(parseDatabaseUrl(url)).toEqual(place));

describe.runIf(existsSync('/proc/net/tcp'))('of a real process', () => {
  test.each(['127.0.0.1', 'localhost'])(
    'its connections to a server on %s are seen, and ours are not',
    async (host) => {
      const server = createServer().listen(0, host);
      onTestFinished(() => void server.close());
      await eventually(() => expect(server.listening).toBe(true));
      const { port } = server.address() as AddressInfo;
      const script = `for (let i = 0; i < 3; i += 1) require('net').connect(${port}, '${host}', () => console.log('there'));`;
      const env = { DATABASE_URL: `postgres://me@${host}:${port}/mastodon` };
      const dyno = startDyno({ command: [process.execPath, '-e', script], env });
      const own = connect(port, host);
      onTestFinished(() => void own.destroy());
      await eventually(async () => {
        expect(readConnections([dyno.pid], await findDatabase([dyno.pid]))).toEqual({ kind: 'seen', peak: 3 });
      });
    },
  );

  test('a dyno without a database says so', async () => {
    const dyno = startDyno({ command: ['sleep', '60'] });
    expect(readConnections([dyno.pid], await findDatabase([dyno.pid]))).toEqual({
      kind: 'not visible',
      reason: 'no DATABASE_URL is set',
    });
  });
});
