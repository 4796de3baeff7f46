import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { openEdge } from '../../../src/simulator/edge/edge.ts';
import { PLATFORM } from '../../../src/simulator/platform/rules.ts';
import { eventually } from '../../harness/eventually.ts';
import { rawClient } from '../../router/raw-client.ts';
import { takenPort } from '../free-port.ts';
import { get } from '../get.ts';
import { httpDyno, openEdgeFixture, rawDyno } from './edge-fixture.ts';

const NONE = { kind: 'none', code: 'H14' } as const;

test('answers at both addresses of localhost', async () => {
  const { edge } = await openEdgeFixture(NONE);
  expect(edge.url).toBe(`http://localhost:${edge.port}`);
  expect((await fetch(edge.url)).status).toBe(503);
  expect((await get({ host: '127.0.0.1', port: edge.port }, '/')).status).toBe(503);
  if (hasIpv6()) expect((await get({ host: '::1', port: edge.port }, '/')).status).toBe(503);
});

test('is not reached by other machines', async () => {
  const { edge } = await openEdgeFixture(NONE);
  for (const host of otherAddresses()) {
    const code = await new Promise((resolve) => {
      const socket = connect({ host, port: edge.port }, () => resolve('connected'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.once('close', () => socket.destroy());
    });
    expect([host, code]).toEqual([host, 'ECONNREFUSED']);
  }
});

test('a taken port is named, and nothing of the edge stays', async () => {
  const taken = await takenPort();
  const options = { port: taken.port, rules: PLATFORM, target: () => NONE, log: () => {} };
  await expect(openEdge(options)).rejects.toThrow(
    `port ${taken.port} is in use: stop the process that listens there, or choose another port with --port`,
  );
  await taken.close();
  await (await openEdge(options)).close();
});

test('close drops held requests, answers, WebSockets and kept connections, and says nothing of it', async () => {
  const dyno = await rawDyno((socket) =>
    socket.once('data', (head: Buffer) => {
      if (head.includes('/kept')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      if (head.includes('/half')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      if (head.includes('/up')) socket.write('HTTP/1.1 101 Up\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\n');
    }),
  );
  const fixture = await openEdgeFixture(dyno.target);
  const ask = (path: string, more = '') => fixture.client().send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`);
  const clients = [ask('/half'), ask('/up', 'Connection: Upgrade\r\nUpgrade: a\r\n'), ask('/never')];
  await clients[0]?.until('half');
  await clients[1]?.until('101 Up');
  const kept = ask('/kept');
  await kept.until('200 OK');
  fixture.setTarget({ kind: 'booting' });
  clients.push(kept, ask('/held'), rawClient({ host: '127.0.0.1', port: fixture.edge.port }));
  await eventually(() => expect([fixture.edge.openRequests, fixture.edge.openStreams]).toEqual([3, 1]));
  fixture.lines.splice(0);
  await fixture.edge.close();
  await Promise.all(clients.map((client) => client.closed()));
  await eventually(() => expect(dyno.sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true, true]));
  expect([fixture.edge.openRequests, fixture.edge.openStreams, fixture.lines, fixture.events]).toEqual([0, 0, [], []]);
  await expect(get({ host: '127.0.0.1', port: fixture.edge.port }, '/')).rejects.toThrow('ECONNREFUSED');
  await fixture.edge.close();
});

test('connections to a dyno are kept for the time of the rules, whatever the dyno says, and then closed', async () => {
  const dyno = await httpDyno((_, response) => void response.setHeader('Keep-Alive', 'timeout=1').end());
  const fixture = await openEdgeFixture(dyno.target, { keepAliveMs: 3000 });
  const address = { host: '127.0.0.1', port: fixture.edge.port };
  let from = 0;
  for (let count = 0; count < 5; count += 1) {
    from = performance.now();
    await get(address, '/');
  }
  expect(dyno.sockets).toHaveLength(1);
  await eventually(() => expect(dyno.sockets[0]?.destroyed).toBe(true));
  expect(performance.now() - from).toBeGreaterThan(2500);
});

test('a dyno that closes its idle connection in time is asked on a new one', async () => {
  const dyno = await httpDyno((_, response) => void response.end());
  const fixture = await openEdgeFixture(dyno.target);
  const address = { host: '127.0.0.1', port: fixture.edge.port };
  await get(address, '/');
  dyno.sockets[0]?.end();
  await eventually(() => expect(dyno.sockets[0]?.destroyed).toBe(true));
  expect((await get(address, '/')).status).toBe(200);
  expect(dyno.sockets).toHaveLength(2);
});

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
}

function otherAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
}
