import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { binary, startDyno, tempFolder, type Dyno, type DynoOptions } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { oldestAndNewest } from '../harness/nodes.ts';
import { echoes, openWebSocket } from '../harness/web-socket.ts';
import { freePort, takenPort } from '../simulator/free-port.ts';
import { get, type Answer } from '../simulator/get.ts';
import { events, lastLogMessage, childCommand } from './dyno-fixture.ts';

const API = '/api/v1/streaming';
const HTTPS = { 'x-forwarded-proto': 'https' };

type Routed = { dyno: Dyno; port: number; tmp: string; ask: (path: string) => Promise<Answer> };

/** A web dyno with a router in front of the stand-ins, which boot in 0.1 s. */
async function startRouted(env: DynoOptions['env'], options: DynoOptions = {}): Promise<Routed> {
  const [port, tmp] = [await freePort(), tempFolder()];
  const dyno = startDyno({
    ...options,
    env: {
      PORT: `${port}`,
      BIND: '127.0.0.1',
      TMPDIR: tmp,
      PUMA_COMMAND: standIn('puma'),
      STREAMING_COMMAND: standIn('streaming'),
      STAND_IN_BOOT_MS: '100',
      ...env,
    },
  });
  await Promise.race([dyno.waitForOutput(/the router listens|"event":"started"/), dyno.exited]);
  return { dyno, port, tmp, ask: (path) => get({ host: '127.0.0.1', port }, path, HTTPS) };
}

/** The command line of a stand-in. */
function standIn(name: 'puma' | 'streaming'): string {
  return `${process.execPath} ${fileURLToPath(new URL(`../../dist/simulator/stand-ins/${name}.js`, import.meta.url))}`;
}

/** The folder of the dyno's sockets. */
function socketsOf({ tmp }: Routed): string {
  const [name, ...others] = readdirSync(tmp).filter((entry) => entry.startsWith('mstdn-supervise-'));
  if (name === undefined || others.length > 0) throw new Error(`folders: ${[name, ...others].join()}`);
  return join(tmp, name);
}

async function stopped(dyno: Dyno, code = 0): Promise<void> {
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code, signal: null });
  await dyno.gone();
}

describe.each(oldestAndNewest)('on node $major', ({ path: node }) => {
  test('one port serves puma and streaming, and is bound before either is up', async () => {
    const routed = await startRouted({ RUN_STREAMING: 'inline', STAND_IN_BOOT_MS: '700' }, { node });
    await routed.dyno.waitForOutput(/the router listens on 127.0.0.1/);
    const answers = await Promise.all([routed.ask('/health'), routed.ask(`${API}/health`), routed.ask('/metrics')]);
    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, 'OK'],
      [200, 'OK'],
      [200, 'This is a stand-in for Mastodon.\n'],
    ]);
    await stopped(routed.dyno);
  });

  test('streaming runs only while a client needs it', async () => {
    const routed = await startRouted({ RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE: '1s' }, { node });
    const { dyno, ask } = routed;
    expect(await ask('/health')).toMatchObject({ status: 200 });
    const whileStopped = await ask(`${API}/health`);
    expect(whileStopped).toMatchObject({
      status: 200,
      body: 'OK',
      headers: { 'x-mstdn-supervise': 'streaming starts on demand' },
    });
    expect(dyno.output).not.toContain('streaming started');
    expect(await ask(API)).toMatchObject({ status: 404 });
    await dyno.waitForOutput(/streaming has had no connection for 1.0 s; stopping it until the next request/);
    await dyno.waitForOutput(/streaming exited with code 0/);
    expect(await ask(`${API}/health`)).toMatchObject({
      headers: { 'x-mstdn-supervise': 'streaming starts on demand' },
    });
    expect(await ask(API)).toMatchObject({ status: 404 });
    await stopped(dyno);
    expect(events(dyno).filter(({ event, child }) => event === 'started' && child === 'streaming')).toHaveLength(2);
  });

  test('requests in flight get their responses after TERM to the supervisor or to all', async () => {
    for (const toAll of [false, true]) {
      const { dyno, port } = await startRouted({ SUPERVISE_ROUTER: 'true' }, { node });
      const keeping = { ...HTTPS, connection: 'keep-alive' };
      const ask = () => get({ host: '127.0.0.1', port }, '/slow?seconds=2', keeping);
      const slow = Array.from({ length: 5 }, ask);
      await eventually(() => expect(dyno.output.match(/Started GET "\/slow"/g)).toHaveLength(5));
      if (toAll) dyno.signalAll('SIGTERM');
      else dyno.signal('SIGTERM');
      for (const answer of await Promise.all(slow)) {
        expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
      }
      expect(await dyno.exited).toEqual({ code: 0, signal: null });
    }
  });
});

/** A puma whose response never ends. */
const ENDLESS = `const { createServer } = require('node:http');
const more = (reply) => reply.write(Buffer.alloc(65536)) ? setImmediate(more, reply) : reply.once('drain', () => more(reply));
createServer((asked, reply) => asked.url === '/endless' ? more(reply) : reply.end()).listen(process.env.SOCKET);`;

test('a second INT does not wait for a client that still receives its response', async () => {
  const cwd = tempFolder();
  writeFileSync(join(cwd, 'puma.cjs'), ENDLESS);
  const env = { SUPERVISE_ROUTER: 'true', PUMA_COMMAND: `${process.execPath} puma.cjs`, SUPERVISE_STOP_TIMEOUT: '600' };
  const { dyno, port } = await startRouted(env, { cwd });
  await dyno.waitForOutput(/puma is ready/);
  const client = connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void client.destroy());
  client.pause().write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n');
  let receivedBytes = 0;
  const reading = setInterval(() => (receivedBytes += (client.read(2048) as Buffer | null)?.length ?? 0), 50);
  onTestFinished(() => clearInterval(reading));
  await eventually(() => expect(receivedBytes).toBeGreaterThan(8192));
  dyno.signal('SIGINT');
  await dyno.waitForOutput(/stopping puma/);
  await eventually(() => {
    dyno.signal('SIGINT'); // counts as a copy of the first one for 0.5 s
    expect(dyno.output).toMatch(/puma was killed by the supervisor/);
  });
  receivedBytes = 0;
  expect(await dyno.exited).toEqual({ code: 137, signal: null });
  expect(receivedBytes, 'the buffers of the router and the kernel hold more').toBeLessThan(100_000);
});

describe('streaming responds to its health check before its Redis connection is ready', () => {
  test.each([
    ['inline', '', '400'],
    ['on-demand', '', '400'],
    ['on-demand', '2s', '1500'],
  ])('%s, settling time "%s": a client that waited receives its events', async (RUN_STREAMING, settle, redisMs) => {
    const env = { RUN_STREAMING, SUPERVISE_STREAMING_SETTLE: settle, STAND_IN_REDIS_MS: redisMs };
    const { dyno, port } = await startRouted(env);
    const waited = await openWebSocket(port, 'account');
    expect(await echoes(waited)).toBe(true);
    expect(await echoes(await openWebSocket(port, 'account'))).toBe(true);
    expect(dyno.output).not.toContain('Error subscribing');
    await stopped(dyno);
  });
});

/** A streaming server whose first process blocks for ever once it has accepted an upgrade, and therefore ignores TERM. */
const HANGS = `const { existsSync, writeFileSync } = require('node:fs');
process.on('SIGTERM', () => process.exit(0));
const hang = () => existsSync('hung') || (writeFileSync('hung', ''), Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
const granted = 'HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n';
require('node:http').createServer((asked, reply) => reply.end('OK'))
  .on('upgrade', (asked, socket) => socket.write(granted, () => setTimeout(hang, 200)))
  .listen(process.env.SOCKET);`;

/** A client with an accepted WebSocket upgrade. */
async function openTunnel(port: number): Promise<Socket> {
  const client = connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void client.destroy());
  const headers = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ';
  client.write(`GET ${API} HTTP/1.1\r\nHost: a\r\n${headers}${btoa('x'.repeat(16))}\r\n\r\n`);
  let received = '';
  client.on('data', (data: Buffer) => (received += data.toString('latin1')));
  await eventually(() => expect(received).toMatch(/^HTTP\/1\.1 101 /));
  return client;
}

test.each([
  ['is stopped by SIGSTOP', 'streaming exited with code 0'],
  ['hangs and ignores TERM', 'streaming was killed by the supervisor'],
])('streaming that %s is stopped after the FIN of its last client, and starts for the next one', async (fault, end) => {
  const cwd = tempFolder();
  writeFileSync(join(cwd, 'streaming.cjs'), HANGS);
  const command = end.includes('killed') ? { STREAMING_COMMAND: `${process.execPath} streaming.cjs` } : {};
  const idle = { RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE: '1s' };
  const { dyno, port } = await startRouted({ ...idle, ...command }, { cwd });
  const client = await openTunnel(port);
  const started = events(dyno).find(({ event, child }) => event === 'started' && child === 'streaming');
  if (fault.includes('SIGSTOP')) process.kill(Number(started?.pid), 'SIGSTOP');
  else await eventually(() => expect(readdirSync(cwd)).toContain('hung'));
  client.end();
  await dyno.waitForOutput(/streaming has had no connection for 1\.0 s/);
  await dyno.waitForOutput(new RegExp(end));
  await openTunnel(port);
  expect(events(dyno).filter(({ event, child }) => event === 'started' && child === 'streaming')).toHaveLength(2);
  await stopped(dyno);
});

describe('without a router', () => {
  test('its code is not loaded', async () => {
    for (const [env, isLoaded] of [
      [{}, false],
      [{ SUPERVISE_ROUTER: 'true' }, true],
    ] as const) {
      const folder = tempFolder();
      const { dyno, ask } = await startRouted({ ...env, NODE_V8_COVERAGE: folder });
      await eventually(() => ask('/health'));
      await stopped(dyno);
      const reports = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
      const ours = reports.filter((text) => text.includes(binary));
      expect(ours).toHaveLength(1);
      expect(ours[0]?.includes('dist/router.cjs')).toBe(isLoaded);
    }
  });
});

describe('the port', () => {
  test('is taken: nothing is started, no file is left', async () => {
    const taken = await takenPort();
    onTestFinished(() => void taken.close());
    const { dyno, tmp } = await startRouted({ SUPERVISE_ROUTER: 'true', PORT: `${taken.port}` });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(lastLogMessage(dyno)).toBe(
      `PORT=${taken.port}: expected a free port, and another process listens there already; nothing was started; exit code 78`,
    );
    expect(dyno.output).not.toContain('puma started');
    expect(readdirSync(tmp)).toEqual([]);
  });

  test('with an address of another machine: nothing is started', async () => {
    const { dyno } = await startRouted({ SUPERVISE_ROUTER: 'true', BIND: '203.0.113.7' });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(lastLogMessage(dyno)).toContain(
      'BIND=203.0.113.7: expected an address of this machine; nothing was started',
    );
  });

  test('is bound on every address by default, IPv6 included', async () => {
    const { dyno, port } = await startRouted({ SUPERVISE_ROUTER: 'true', BIND: undefined });
    const [, at] = await dyno.waitForOutput(/the router listens on (\S+:\d+)/);
    expect([`[::]:${port}`, `0.0.0.0:${port}`]).toContain(at);
    expect(await get({ host: '127.0.0.1', port }, '/health')).toMatchObject({ status: 200 });
    await stopped(dyno);
  });
});

describe('the sockets', () => {
  test('are in a private folder, which is removed when the dyno stops', async () => {
    const routed = await startRouted({ RUN_STREAMING: 'inline' });
    await routed.ask(`${API}/health`);
    await routed.ask('/health');
    const folder = socketsOf(routed);
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
    expect(readdirSync(folder).sort()).toEqual(['puma.sock', 'streaming.sock']);
    await stopped(routed.dyno);
    expect(readdirSync(routed.tmp)).toEqual([]);
  });

  test('when their folder cannot be made, that is reported and nothing is started', async () => {
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    const { dyno } = await startRouted({ SUPERVISE_ROUTER: 'true', TMPDIR: file });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(lastLogMessage(dyno)).toMatch(
      /for the sockets of puma and streaming cannot be made: .*; nothing was started/,
    );
  });

  test('a stale one does not prevent a start', async () => {
    const routed = await startRouted({ RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE: '1h' });
    await routed.ask('/health');
    expect(await routed.ask(API)).toMatchObject({ status: 404 });
    const [, pid] = await routed.dyno.waitForOutput(/streaming started.*\(pid (\d+)\)/);
    process.kill(Number(pid), 'SIGKILL');
    await routed.dyno.waitForOutput(/streaming was killed by SIGKILL/);
    expect(await routed.ask(API)).toMatchObject({ status: 404 });
    await stopped(routed.dyno);
  });
});

describe('after an exit', () => {
  test('of puma, queued requests get 503 and the dyno stops', async () => {
    const go = join(tempFolder(), 'go');
    const puma = `sh -c "until [ -e ${go} ]; do sleep 0.01; done; exit 3"`;
    const routed = await startRouted({ SUPERVISE_ROUTER: 'true', PUMA_COMMAND: puma });
    await routed.dyno.waitForOutput(/listens/);
    const client = connect(routed.port, '127.0.0.1');
    // The kernel has the request before puma exits.
    await new Promise((sent) => client.write('GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\n\r\n', sent));
    writeFileSync(go, '');
    expect(await text(client)).toMatch(/^HTTP\/1.1 503 [^]*\r\nRetry-After: 5\r\n/);
    expect(await routed.dyno.exited).toEqual({ code: 3, signal: null });
  });

  test('of inline streaming, the dyno stops', async () => {
    const routed = await startRouted({ RUN_STREAMING: 'inline' });
    await routed.ask(`${API}/health`);
    void routed.ask(`${API}/crash`).catch(() => {});
    expect(await routed.dyno.exited).toEqual({ code: 1, signal: null });
    expect(lastLogMessage(routed.dyno)).toContain('streaming exited with code 0');
  });

  test('of streaming on demand, even a repeated one, it starts again for the next request', async () => {
    const { dyno, ask } = await startRouted({ RUN_STREAMING: 'on-demand' });
    for (let time = 1; time <= 2; time += 1) {
      await expect(ask(`${API}/crash`)).resolves.toMatchObject({ status: 502 });
      await eventually(() => expect(events(dyno).filter(({ event }) => event === 'backing-off')).toHaveLength(time));
    }
    expect(await ask(API)).toMatchObject({ status: 404 });
    await stopped(dyno);
  });

  test('of streaming on demand before it is ready, for the third time in a row, the dyno stops', async () => {
    const { dyno, ask } = await startRouted({ RUN_STREAMING: 'on-demand', STREAMING_COMMAND: 'sh -c "exit 4"' });
    expect(await ask(API)).toMatchObject({ status: 503 });
    expect(await dyno.exited).toEqual({ code: 4, signal: null });
    expect(lastLogMessage(dyno)).toMatch(/streaming .*code 4/);
    expect(events(dyno).filter(({ event, child }) => event === 'started' && child === 'streaming')).toHaveLength(3);
  });

  test('of the supervisor by SIGKILL, no process is left', async () => {
    const { dyno, ask } = await startRouted({ RUN_STREAMING: 'inline' });
    await ask('/health');
    await ask(`${API}/health`);
    dyno.signal('SIGKILL');
    await dyno.gone();
  });
});

test('puma that grows is restarted behind the router, and its requests wait', async () => {
  const { dyno, ask } = await startRouted({
    SUPERVISE_ROUTER: 'true',
    PUMA_COMMAND: childCommand('puma', 'listen=1 grow=300'),
    SUPERVISE_MEMORY_LOG: '1',
    SUPERVISE_MEMORY_QUOTA: '200M',
    SUPERVISE_MEMORY_WARN_AT: '120',
    SUPERVISE_MEMORY_ACT_AT: '150',
    SUPERVISE_MEMORY_EMERGENCY_AT: '900',
    SUPERVISE_MEMORY_KILLS_AT: '1000',
  });
  expect(await ask('/')).toMatchObject({ status: 200 });
  const [, pid] = await dyno.waitForOutput(/puma up (\d+)/);
  await dyno.waitForOutput(/is ready[^]*memory_puma=[1-9][^]*memory_puma=[1-9]/); // the guard has measured it at rest
  process.kill(Number(pid), 'SIGUSR2');
  const done = new AbortController();
  const requesting = (async () => {
    for (let count = 0; !done.signal.aborted; count += 1) {
      expect(await ask(`/${count}`)).toMatchObject({ status: 200 });
    }
  })();
  requesting.catch(() => undefined); // awaited below
  await dyno.waitForOutput(/restarting puma gracefully: no new work/);
  await dyno.waitForOutput(/(puma is ready[^]*){2}/);
  done.abort();
  await requesting;
  await stopped(dyno);
});

test('release migrates with streaming in the same dyno: this is the main app', async () => {
  for (const RUN_STREAMING of ['inline', 'on-demand']) {
    const folder = tempFolder();
    mkdirSync(join(folder, 'config'));
    const dyno = startDyno({
      args: ['release'],
      cwd: folder,
      env: { RUN_STREAMING, MIGRATE_COMMAND: 'echo migrates', AFTER_MIGRATE_COMMAND: 'true' },
    });
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    expect(dyno.output).toContain('migrates');
  }
});
