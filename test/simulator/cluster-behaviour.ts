import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive, commandLine, processTable, signalIfAlive } from '../harness/processes.ts';
import { freePort, takenPort } from './free-port.ts';
import { get } from './get.ts';
import { listening, type Part } from './part.ts';

const byTerm = { code: null, signal: 'SIGTERM' };
const ok = { code: 0, signal: null };

/** What is known of a puma with workers, held against one; the app as in the table of the single process. */
export function describeCluster(label: string, puma: Part): void {
  const start = async (env: Record<string, string> = {}) =>
    puma.start([], { PORT: String(await freePort()), WEB_CONCURRENCY: '2', ...env });
  const up = async (env?: Record<string, string>) => {
    const dyno = await start(env);
    const address = await listening(dyno);
    return { dyno, address, workers: await workersOf(dyno, Number(env?.WEB_CONCURRENCY ?? 2)) };
  };

  describe(`${label}, a cluster`, () => {
    it('has two workers where WEB_CONCURRENCY is not set, and says whose they are', async () => {
      const dyno = puma.start([], { PORT: String(await freePort()) });
      await listening(dyno);
      const titles = (await workersOf(dyno, 2)).map((pid) => commandLine(pid).split(' [')[0]);
      expect(titles.sort()).toEqual([0, 1].map((index) => `puma: cluster worker ${index}: ${dyno.pid}`));
      expect(commandLine(dyno.pid)).toMatch(/^puma [\d.]+ \(/);
    });

    it.each([
      ['the master', 0],
      ['the master again and again', 2],
      ['all processes', -1],
    ])('finishes the request in hand, takes no other, after TERM to %s', async (_, more) => {
      const { dyno, address } = await up();
      const inHand = get(address, '/slow?seconds=1');
      await dyno.waitForOutput(/Started GET "\/slow/);
      if (more < 0) dyno.signalAll('SIGTERM');
      else dyno.signal('SIGTERM');
      await dyno.waitForOutput(/Gracefully/);
      for (let count = 0; count < more; count++) signalIfAlive(dyno.pid, 'SIGTERM');
      await eventually(() => expect(get(address, '/health')).rejects.toThrow('ECONNREFUSED'));
      expect(await inHand).toMatchObject({ status: 200 });
      expect(await dyno.exited).toEqual(byTerm);
      await dyno.gone();
    });

    it('ends with 0 on INT', async () => {
      const { dyno } = await up();
      dyno.signal('SIGINT');
      expect(await dyno.exited).toEqual(ok);
      await dyno.gone();
    });

    it('boots another worker for one that was killed, and answers meanwhile', async () => {
      const { dyno, address, workers } = await up();
      process.kill(workers[0] ?? 0, 'SIGKILL');
      expect(await get(address, '/health')).toMatchObject({ status: 200 });
      await eventually(async () => expect(await workersOf(dyno, 2)).not.toContain(workers[0]));
      expect(await workersOf(dyno, 2)).toContain(workers[1]);
      expect(await get(address, '/health')).toMatchObject({ status: 200 });
    });

    it('holds requests while its only worker, killed, is booted again', async () => {
      const { dyno, address, workers } = await up({ WEB_CONCURRENCY: '1' });
      process.kill(workers[0] ?? 0, 'SIGKILL');
      await eventually(() => expect(alive(workers[0] ?? 0)).toBe(false));
      expect(await get(address, '/health')).toMatchObject({ status: 200 });
      expect(alive(dyno.pid)).toBe(true);
    });

    it('has a worker that got TERM alone finish its request, then boots another', async () => {
      const { dyno, address, workers } = await up({ WEB_CONCURRENCY: '1' });
      const inHand = get(address, '/slow?seconds=1');
      await dyno.waitForOutput(/Started GET "\/slow/);
      process.kill(workers[0] ?? 0, 'SIGTERM');
      expect(await inHand).toMatchObject({ status: 200 });
      await eventually(async () => expect(await workersOf(dyno, 1)).not.toEqual(workers));
      expect(await get(address, '/health')).toMatchObject({ status: 200 });
    });

    it('takes its workers with it when it is killed itself, whatever they have in hand', async () => {
      const { dyno, address, workers } = await up();
      const inHand = get(address, '/slow?seconds=600').then(
        () => 'answered',
        () => 'dropped',
      );
      await dyno.waitForOutput(/Started GET "\/slow/);
      dyno.signal('SIGKILL');
      await eventually(() => expect(workers.filter(alive)).toEqual([]));
      expect(await inHand).toBe('dropped');
    });

    it('restarts on USR2 with the same pid and other workers', async () => {
      const { dyno, address, workers } = await up();
      dyno.signal('SIGUSR2');
      await dyno.waitForOutput(/Restarting\.\.\.[^]*Inherited/);
      await eventually(async () =>
        expect((await workersOf(dyno, 2)).filter((pid) => workers.includes(pid))).toEqual([]),
      );
      expect(await get(address, '/health')).toMatchObject({ status: 200 });
    });

    it('answers on a socket, and removes it', async () => {
      const socketPath = join(tempFolder(), 'puma.sock');
      const { dyno, address } = await up({ SOCKET: socketPath });
      expect(address).toEqual({ socketPath });
      expect(await get(address, '/health')).toMatchObject({ status: 200, body: 'OK' });
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual(byTerm);
      await expect(get(address, '/health')).rejects.toThrow('ENOENT');
    });

    it('ends by TERM while it boots', async () => {
      const dyno = await start(puma.slowBoot);
      await dyno.waitForOutput(puma.saysFirst);
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual(byTerm);
    });

    it('ends with 1 where the port is taken', async () => {
      const { port, close } = await takenPort();
      const dyno = await start({ BIND: '127.0.0.1', PORT: String(port) });
      expect(await dyno.exited).toEqual({ code: 1, signal: null });
      await close();
    });
  });
}

/** Resolves once that many workers have said that they are booted and are alive. */
function workersOf(dyno: Dyno, count: number): Promise<number[]> {
  return eventually(() => {
    const booted = new Set(
      [...dyno.output.matchAll(/Worker \d+ \(PID: (\d+)\) booted/g)].map(([, pid]) => Number(pid)),
    );
    const workers = processTable().filter(
      ({ pid, parent, zombie }) => !zombie && parent === dyno.pid && booted.has(pid),
    );
    expect(workers).toHaveLength(count);
    return workers.map(({ pid }) => pid);
  });
}
