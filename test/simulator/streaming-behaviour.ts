import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../harness/dyno.ts';
import { freePort, takenPort } from './free-port.ts';
import { get, type Address } from './get.ts';
import { listening, type Part } from './part.ts';
import { staleSocket } from './stale-socket.ts';

const ok = { code: 0, signal: null };
const api = '/api/v1/streaming';

/** What FACTS says of Mastodon's streaming server, held against one. */
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
    });

    it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s, a client or not', async (name) => {
      const dyno = await start();
      const client = await openStream(await listening(dyno));
      expect(client.firstBytes).toMatch(/^:\)/);
      dyno.signal(name);
      expect(await dyno.exited).toEqual(ok);
      await expect(client.ended).rejects.toThrow('aborted');
    });

    it('ends by TERM while it boots', async () => {
      const dyno = await start(streaming.slowBoot);
      expect(dyno.child.kill('SIGTERM')).toBe(true);
      expect(await dyno.exited).toEqual({ code: null, signal: 'SIGTERM' });
    });

    it('ends with 0 on an uncaught exception', async () => {
      const dyno = await start();
      await expect(get(await listening(dyno), '/crash')).rejects.toThrow();
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
