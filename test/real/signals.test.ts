import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { catches, commandLine } from '../harness/processes.ts';
import { endOf, get, pidOf, ready, startInstance, withExit } from './instance.ts';

test('SIGTTIN makes sidekiq print its threads; SIGUSR1 and SIGUSR2 restart puma in place', async () => {
  const instance = await startInstance({ env: { RUN_WORKER: 'true' } });
  const { dyno, port } = instance;
  await ready(instance);
  dyno.signal('SIGTTIN');
  await dyno.waitForOutput(/WARN: Thread TID-/);
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

test('SIGUSR2 is not forwarded to a puma that boots again, since Ruby would exit', async () => {
  const { dyno, port } = await startInstance({});
  await dyno.waitForOutput(/puma is ready after/);
  await dyno.waitForOutput(/Worker 0 \(PID: \d+\) booted/); // puma 5 exits if a signal arrives while it writes that line
  await get(port, '/pid');
  const puma = await pidOf(dyno, 'puma');
  dyno.signal('SIGUSR1');
  await eventually(() => {
    expect(commandLine(puma)).toMatch(/^\S*ruby\S* \S*puma /);
    expect(catches(puma, 'SIGUSR2')).toBe(true);
  });
  dyno.signal('SIGUSR2');
  await dyno.waitForOutput(/no process accepts SIGUSR2/);
  await eventually(async () => expect((await get(port, '/pid')).status).toBe(200));
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});
