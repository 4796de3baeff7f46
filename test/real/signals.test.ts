import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { endOf, get, pidOf, ready, startInstance, withExit } from './instance.ts';

test('TTIN makes sidekiq show its threads; USR1 and USR2 make puma restart in place', async () => {
  const instance = await startInstance({ env: { RUN_WORKER: 'true' } });
  const { dyno, port } = instance;
  await ready(instance);
  dyno.signal('SIGTTIN');
  await dyno.says(/WARN: Thread TID-/);
  const puma = await pidOf(dyno, 'puma');
  for (const [signal, restarts] of [
    ['SIGUSR1', 1],
    ['SIGUSR2', 2],
  ] as const) {
    const worker = await get(port, '/pid');
    dyno.signal(signal);
    await eventually(() => expect(dyno.output.split('Puma starting in cluster mode')).toHaveLength(restarts + 2));
    await eventually(async () => expect((await get(port, '/pid')).body).not.toBe(worker.body));
  }
  expect(await pidOf(dyno, 'puma')).toBe(puma);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});
