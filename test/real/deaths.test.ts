import { expect, test } from 'vitest';
import { enqueue, expectNoneLost, inHand } from './jobs.ts';
import { endOf, get, lastLine, pidOf, ready, startInstance, withExit } from './instance.ts';

const env = { RUN_WORKER: 'true' };

test.each([
  { victim: 'puma', other: 'sidekiq' },
  { victim: 'sidekiq', other: 'puma' },
])('$victim killed: $other is stopped, exit code 137', async ({ victim, other }) => {
  const instance = await startInstance({ env });
  await ready(instance);
  process.kill(await pidOf(instance.dyno, victim), 'SIGKILL');
  expect(await endOf(instance.dyno)).toEqual(withExit(137));
  expect(lastLine(instance.dyno)).toMatch(new RegExp(`${victim} was killed by SIGKILL.*${other}.*exit code 137$`));
});

test('streaming crashes with exit code 0: sidekiq stops without losing a job, exit code 1', async () => {
  const { dyno, redis, port } = await startInstance({ env: { ...env, RUN_STREAMING: 'true' } });
  await dyno.waitForOutput(/streaming is ready after/);
  await dyno.waitForOutput(/sidekiq is ready after/);
  const jobs = enqueue(redis, 6, 'RecordedWorker', 2);
  await inHand(redis, 5);
  await expect(get(port, '/crash')).rejects.toThrow();
  expect(await endOf(dyno)).toEqual(withExit(1));
  expect(lastLine(dyno)).toMatch(/streaming.*sidekiq.*exit code 1$/);
  expect(dyno.output).not.toContain('puma started');
  expectNoneLost(redis, jobs);
});

test('supervisor killed: puma and sidekiq drain and exit by themselves', async () => {
  const instance = await startInstance({ env });
  const { dyno, redis, port } = instance;
  await ready(instance);
  const jobs = enqueue(redis, 8, 'RecordedWorker', 2);
  const slow = get(port, '/slow?seconds=2');
  await dyno.waitForOutput(/Started GET "\/slow/);
  await inHand(redis, 5);
  dyno.signal('SIGKILL');
  expect(await slow).toMatchObject({ status: 200 });
  await dyno.gone();
  expectNoneLost(redis, jobs);
});
