import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import type { WebSocket } from 'ws';
import { startDyno, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { openWebSocket } from '../harness/web-socket.ts';
import { freePort } from '../simulator/free-port.ts';
import { startTlsRedis } from './services.ts';
import { slowLink } from './slow-link.ts';

/** CONTRIBUTING.md has a command for more of both. */
const WAKES = Number(process.env.STREAMING_WAKES ?? 6);
const BOOTS = Number(process.env.STREAMING_BOOTS ?? 3);
/** Round trip to Redis. Without SUPERVISE_STREAMING_SETTLE, the share of silent streams grows with it. */
const ROUND_TRIP_MS = Number(process.env.STREAMING_ROUND_TRIP ?? 60);
/** Empty: the default. */
const SETTLE = process.env.STREAMING_SETTLE ?? '';
/** A live stream receives its event after one round trip. */
const SILENT_AFTER_MS = 10_000;
const TIMEOUT_MS = 60_000;

/** A Redis behind TLS and a network delay, as on Heroku. */
type Service = { env: Record<string, string>; publisher: Redis };

async function startService(): Promise<Service> {
  const { port, certificateFile } = await startTlsRedis();
  const delayedPort = await slowLink(port, ROUND_TRIP_MS);
  const publisher = new Redis({ port, host: 'localhost', tls: { ca: readFileSync(certificateFile) } });
  onTestFinished(() => publisher.disconnect());
  return { env: { REDIS_URL: `rediss://localhost:${delayedPort}`, NODE_EXTRA_CA_CERTS: certificateFile }, publisher };
}

const program = (path: string): string => `${process.execPath} ${fileURLToPath(new URL(path, import.meta.url))}`;

async function startRouted({ env }: Service, RUN_STREAMING: string): Promise<{ dyno: Dyno; port: number }> {
  const port = await freePort();
  const dyno = startDyno({
    env: {
      PORT: `${port}`,
      BIND: '127.0.0.1',
      PUMA_COMMAND: program('../../dist/simulator/stand-ins/puma.js'),
      STREAMING_COMMAND: program('streaming-server.js'),
      STAND_IN_BOOT_MS: '0',
      RUN_STREAMING,
      SUPERVISE_STREAMING_SETTLE: SETTLE,
      ...env,
    },
  });
  await dyno.waitForOutput(/the router listens/);
  return { dyno, port };
}

/** Whether a client that waits for streaming receives an event that is published once it is connected. */
async function isSilent({ publisher }: Service, port: number): Promise<boolean> {
  const client = await openWebSocket(port, 'account');
  let events = 0;
  client.on('message', () => (events += 1));
  const publishUntilReceived = async (): Promise<void> => {
    await publisher.publish('timeline:account', 'event');
    expect(events).toBeGreaterThan(0);
  };
  const timedOut = await eventually(publishUntilReceived, SILENT_AFTER_MS).then(
    () => false,
    () => true,
  );
  await close(client);
  return timedOut;
}

async function close(client: WebSocket): Promise<void> {
  client.close();
  await once(client, 'close');
}

async function stop(dyno: Dyno): Promise<void> {
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
}

test(
  `on demand, ${WAKES} clients that woke streaming receive their events`,
  { timeout: WAKES * TIMEOUT_MS },
  async () => {
    const service = await startService();
    const { dyno, port } = await startRouted(
      { ...service, env: { ...service.env, SUPERVISE_STREAMING_IDLE: '1s' } },
      'on-demand',
    );
    let silent = 0;
    for (let wake = 1; wake <= WAKES; wake++) {
      if (await isSilent(service, port)) silent += 1;
      await eventually(() => expect(dyno.output.match(/streaming exited with code 0/g)).toHaveLength(wake));
    }
    await stop(dyno);
    expect(silent, `silent streams of ${WAKES}`).toBe(0);
  },
);

test(
  `inline, ${BOOTS} clients that came before streaming was ready receive their events`,
  { timeout: BOOTS * TIMEOUT_MS },
  async () => {
    const service = await startService();
    let silent = 0;
    for (let boot = 1; boot <= BOOTS; boot++) {
      const { dyno, port } = await startRouted(service, 'inline');
      if (await isSilent(service, port)) silent += 1;
      await stop(dyno);
    }
    expect(silent, `silent streams of ${BOOTS}`).toBe(0);
  },
);
