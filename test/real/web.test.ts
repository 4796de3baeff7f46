import { expect, test } from 'vitest';
import { enqueue, expectNoneLost, inHand, runs } from './jobs.ts';
import { endOf, get, lastLine, ready, startInstance, withExit } from './instance.ts';

const env = { RUN_WORKER: 'true' };

test('sidekiq starts only once puma answers, and both are logged as ready', async () => {
  const instance = await startInstance({ env });
  await ready(instance);
  expect(await get(instance.port, '/health')).toEqual({ status: 200, body: 'OK' });
  expect(instance.dyno.output).toMatch(
    /puma started[^]*Listening on http:\/\/0\.0\.0\.0:[^]*puma is ready after[^]*sidekiq started[^]*sidekiq is ready after/,
  );
});

test.each([
  { target: 'the supervisor alone', times: 0 },
  { target: 'all processes', times: 1 },
  { target: 'all processes, five times', times: 5 },
])('SIGTERM to $target: the request in flight is answered and no job is lost', async ({ times }) => {
  const instance = await startInstance({ env });
  const { dyno, redis, port } = instance;
  await ready(instance);
  const jobs = enqueue(redis, 12, 'RecordedWorker', 3);
  const slow = get(port, '/slow?seconds=3');
  await dyno.waitForOutput(/Started GET "\/slow/);
  await inHand(redis, 5);
  if (times === 0) dyno.signal('SIGTERM');
  for (let time = 1; time <= times; time += 1) {
    dyno.signalAll('SIGTERM');
    await dyno.waitForOutput(/asked to stop|stopping puma/);
  }
  const [end, answer] = await Promise.all([endOf(dyno), slow]);
  expect(end).toEqual(withExit(0));
  expect(answer).toEqual({ status: 200, body: 'slow but sure' });
  expect(lastLine(dyno)).toMatch(/SIGTERM.*exit code 0$/);
  expectNoneLost(redis, jobs);
  expect(runs(redis, 'finished').sort()).toEqual(runs(redis, 'started').sort());
});

test('puma on a unix socket: sidekiq waits for it there', async () => {
  const instance = await startInstance({ env: { ...env, SOCKET: 'tmp/puma.sock' } });
  await ready(instance);
  instance.dyno.signal('SIGTERM');
  expect(await endOf(instance.dyno)).toEqual(withExit(0));
});
