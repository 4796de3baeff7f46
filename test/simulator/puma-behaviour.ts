import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alive, signalIfAlive } from '../harness/processes.ts';
import { tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { freePort, takenPort } from './free-port.ts';
import { get, type Address } from './get.ts';
import { listening, type Part } from './part.ts';
import { staleSocket } from './stale-socket.ts';

const byTerm = { code: null, signal: 'SIGTERM' };
const ok = { code: 0, signal: null };
const failed = { code: 1, signal: null };

/** What is known of puma, held against one: `/slow?seconds=N` takes that long and says `Started GET "/slow` first. */
export function describePuma(label: string, puma: Part): void {
  const single = { WEB_CONCURRENCY: '0' };
  const start = async (env: Record<string, string> = {}) =>
    puma.start([], { PORT: String(await freePort()), ...single, ...env });

  describe(`${label}, one process`, () => {
    it('answers on BIND:PORT', async () => {
      const port = await freePort();
      const dyno = await start({ BIND: '127.0.0.2', PORT: String(port) });
      const address = await serving(dyno);
      expect(address).toEqual({ host: '127.0.0.2', port });
      expect(await get(address, '/health')).toMatchObject({ status: 200, body: 'OK' });
    });

    it('answers on SOCKET instead where that is set', async () => {
      const socketPath = join(tempFolder(), 'puma.sock');
      const dyno = await start({ SOCKET: socketPath });
      expect(await serving(dyno)).toEqual({ socketPath });
      expect(await get({ socketPath }, '/health')).toMatchObject({ status: 200, body: 'OK' });
    });

    it.each([
      ['SIGTERM', byTerm],
      ['SIGINT', ok],
      ['SIGHUP', ok],
    ] as const)('ends on %s', async (name, end) => {
      const dyno = await start();
      // By then it is done with its last word: puma 5 dies of a signal that it hears while it writes one.
      expect(await get(await serving(dyno), '/health')).toMatchObject({ status: 200 });
      dyno.signal(name);
      expect(await dyno.exited).toEqual(end);
    });

    it.each([
      ['one TERM', 0],
      ['a repeated TERM', 2],
    ])('finishes the request in hand, takes no other, after %s', async (_, more) => {
      const dyno = await start();
      const address = await serving(dyno);
      const events: string[] = [];
      const inHand = get(address, '/slow?seconds=2').finally(() => events.push('answered'));
      await dyno.waitForOutput(/Started GET "\/slow/);
      dyno.signal('SIGTERM');
      await dyno.waitForOutput(/stopping|shutdown/);
      for (let count = 0; count < more; count++) signalIfAlive(dyno.pid, 'SIGTERM');
      // One that arrives between the log line and the close is still answered, or its connection is reset.
      const refused = /ECONNREFUSED|ECONNRESET|EPIPE|socket hang up/;
      await eventually(() => expect(get(address, '/health')).rejects.toThrow(refused));
      events.push('refused');
      expect(await inHand).toMatchObject({ status: 200 });
      expect(events).toEqual(['refused', 'answered']);
      expect(await dyno.exited).toEqual(byTerm);
    });

    it.each(['SIGUSR1', 'SIGUSR2'] as const)('restarts on %s with the same pid and address', async (name) => {
      const dyno = await start();
      const address = await serving(dyno);
      // By then it is done with its last word: puma 5 dies of a signal that it hears while it writes one.
      expect(await get(address, '/health')).toMatchObject({ status: 200 });
      dyno.signal(name);
      await dyno.waitForOutput(/Restarting\.\.\.[^]*Inherited[^]*Use Ctrl-C/);
      expect(alive(dyno.pid)).toBe(true);
      expect(await get(address, '/health')).toMatchObject({ status: 200 });
    });

    it('ends by TERM while it boots', async () => {
      const dyno = await start(puma.slowBoot);
      await dyno.waitForOutput(puma.saysFirst);
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual(byTerm);
    });

    it('takes over a stale socket', async () => {
      const socketPath = staleSocket();
      expect(existsSync(socketPath)).toBe(true);
      await serving(await start({ SOCKET: socketPath }));
      expect(await get({ socketPath }, '/health')).toMatchObject({ status: 200 });
    });

    it('ends with 1 where the port is taken, and where the socket is', async () => {
      const { port, close } = await takenPort();
      expect(await (await start({ BIND: '127.0.0.1', PORT: String(port) })).exited).toEqual(failed);
      await close();
      const SOCKET = join(tempFolder(), 'puma.sock');
      await serving(await start({ SOCKET }));
      expect(await (await start({ SOCKET })).exited).toEqual(failed);
      expect(await get({ socketPath: SOCKET }, '/health')).toMatchObject({ status: 200 });
    });

    it.each([[['-C', 'missing.rb']], [['--no-such-option']]])('ends with 1 on %j', async (args) => {
      expect(await puma.start(args, single).exited).toEqual(failed);
    });
  });
}

/** Where it answers, once it does. A signal between its first line about it and its last can go unheard by a real one. */
async function serving(dyno: Dyno): Promise<Address> {
  await dyno.waitForOutput(/Use Ctrl-C/);
  return listening(dyno);
}
