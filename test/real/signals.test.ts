import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { catches, commandLine } from '../harness/processes.ts';
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

test('USR2 is not handed on to a puma whose Ruby has its own handler in a new boot, which would end it', async () => {
  const { dyno, port } = await startInstance({});
  await dyno.says(/puma is ready after/);
  await dyno.says(/Worker 0 \(PID: \d+\) booted/); // puma 5 dies of a signal that it hears while it writes that
  await get(port, '/pid');
  const puma = await pidOf(dyno, 'puma');
  dyno.signal('SIGUSR1');
  await eventually(() => {
    expect(commandLine(puma)).toMatch(/^\S*ruby\S* \S*puma /);
    expect(catches(puma, 'SIGUSR2')).toBe(true);
  });
  dyno.signal('SIGUSR2');
  await dyno.says(/no process accepts SIGUSR2/);
  await eventually(async () => expect((await get(port, '/pid')).status).toBe(200));
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});
