import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, type RawData } from 'ws';
import { tempFolder } from '../harness/dyno.ts';
import { freePort, takenPort } from './free-port.ts';
import { get, type Address } from './get.ts';
import { listening, type Part } from './part.ts';
import { staleSocket } from './stale-socket.ts';

const ok = { code: 0, signal: null };
const api = '/api/v1/streaming';

/** What is known of Mastodon's streaming server, held against one. */
export function describeStreaming(label: string, streaming: Part): void {
  const start = async (env: Record<string, string> = {}) =>
    streaming.start([], { PORT: String(await freePort()), ...env });

  describe(label, () => {
    it('answers on BIND:PORT', async () => {
      const port = await freePort();
      const address = await listening(streaming.start([], { BIND: '127.0.0.2', PORT: String(port) }));
      expect(address).toEqual({ host: '127.0.0.2', port });
      expect(await get(address, `${api}/health`)).toMatchObject({ status: 200, body: 'OK' });
      expect(await get(address, '/')).toMatchObject({ status: 404 });
    });

    it('answers on SOCKET instead where that is set', async () => {
      const socketPath = join(tempFolder(), 'streaming.sock');
      expect(await listening(await start({ SOCKET: socketPath }))).toEqual({ socketPath });
      expect(await get({ socketPath }, `${api}/health`)).toMatchObject({ status: 200, body: 'OK' });
      expect(statSync(socketPath).mode & 0o777).toBe(0o666);
    });

    it('tells its metrics to everyone', async () => {
      expect(await get(await listening(await start()), '/metrics')).toMatchObject({ status: 200 });
    });

    it.each([`${api}?stream=user`, `${api}/`, '/', '/metrics'])('takes an upgrade of %s, and echoes', async (path) => {
      const client = openSocket(await listening(await start()), path);
      await once(client, 'open');
      expect(client.protocol).toBe('a-token');
      for (const said of ['hello', Buffer.from([0, 255])]) {
        client.send(said);
        const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
        expect(isBinary ? data : data.toString()).toEqual(said);
      }
    });

    it('counts for a client that asks for it', async () => {
      const client = openSocket(await listening(await start()), api);
      const heard: string[] = [];
      const all = new Promise<void>((resolve) => {
        client.on('message', (data: RawData) => heard.push((data as Buffer).toString()) === 5 && resolve());
      });
      await once(client, 'open');
      client.send(JSON.stringify({ type: 'count', from: 3, to: 7, everyMs: 1 }));
      await all;
      expect(heard).toEqual([3, 4, 5, 6, 7].map((count) => `{"count":${count}}`));
    });

    it('refuses an upgrade with a wrong token', async () => {
      const client = openSocket(await listening(await start()), `${api}?access_token=wrong`);
      expect(await once(client, 'error')).toMatchObject([{ message: 'Unexpected server response: 401' }]);
    });

    it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s, clients or not', async (name) => {
      const dyno = await start();
      const address = await listening(dyno);
      const client = await openStream(address);
      expect(client.firstBytes).toMatch(/^:\)/);
      const webSocket = openSocket(address, api);
      await once(webSocket, 'open');
      const dropped = once(webSocket, 'close');
      dyno.signal(name);
      expect(await dyno.exited).toEqual(ok);
      await expect(client.ended).rejects.toThrow('aborted');
      expect((await dropped)[0]).toBe(1006);
    });

    it('ends by TERM while it boots', async () => {
      const dyno = await start(streaming.slowBoot);
      expect(dyno.child.kill('SIGTERM')).toBe(true);
      expect(await dyno.exited).toEqual({ code: null, signal: 'SIGTERM' });
    });

    it.each(['/crash', `${api}/crash`])('ends with 0 on an uncaught exception, %s', async (path) => {
      const dyno = await start();
      await expect(get(await listening(dyno), path)).rejects.toThrow();
      expect(await dyno.exited).toEqual(ok);
    });

    it('ends with 0 on a stale socket, and leaves it', async () => {
      const SOCKET = staleSocket();
      const dyno = await start({ SOCKET });
      expect(await dyno.exited).toEqual(ok);
      expect(dyno.output).toContain('EADDRINUSE');
      expect(existsSync(SOCKET)).toBe(true);
    });

    it('ends with 0 on a taken port', async () => {
      const { port, close } = await takenPort();
      expect(await streaming.start([], { PORT: String(port) }).exited).toEqual(ok);
      await close();
    });
  });
}

/** A client of server-sent events; `ended` settles when its connection does. */
function openStream(address: Address): Promise<{ firstBytes: string; ended: Promise<void> }> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...address, path: `${api}/public`, agent: false }, (response) => {
      expect(response.headers['content-type']).toBe('text/event-stream');
      const ended = new Promise<void>((end, fail) => void response.once('end', end).once('error', fail));
      ended.catch(() => undefined);
      response.setEncoding('utf8').once('data', (firstBytes: string) => resolve({ firstBytes, ended }));
    });
    asked.once('error', reject).end();
  });
}

function openSocket(address: Address, path: string): WebSocket {
  const at = 'socketPath' in address ? `ws+unix://${address.socketPath}:` : `ws://${address.host}:${address.port}`;
  const client = new WebSocket(`${at}${path}`, 'a-token');
  onTestFinished(() => client.terminate());
  return client;
}
