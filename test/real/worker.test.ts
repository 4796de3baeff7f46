import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { commandLine } from '../harness/processes.ts';
import { enqueue, expectNoneLost, inHand, queued, runs, sidekiqProcesses } from './jobs.ts';
import { endOf, lastLine, startInstance, withExit } from './instance.ts';

const args = ['worker'];
const all = ['default', 'fasp', 'ingress', 'mailers', 'pull', 'push', 'scheduler'];

test.each(['RecordedWorker', 'StubbornWorker'])(
  'jobs longer than the grace period go back to the queue: %s',
  async (job) => {
    const { dyno, redis } = await startInstance({ args, env: { SUPERVISE_STOP_TIMEOUT: '8' } });
    const jobs = enqueue(redis, 7, job, 600);
    await inHand(redis, 5);
    dyno.signal('SIGTERM');
    expect(await endOf(dyno)).toEqual(withExit(0));
    expect(queued(redis).sort()).toEqual(jobs.sort());
    expect(lastLine(dyno)).toMatch(/exit code 0$/);
  },
);

test('a child process of a job longer than the grace period is ended after sidekiq, and logged', async () => {
  const { dyno, redis } = await startInstance({ args, env: { SUPERVISE_STOP_TIMEOUT: '8' } });
  const jobs = enqueue(redis, 1, 'ExternalWorker', 600);
  await eventually(() => expect(dyno.scan().map(commandLine)).toContain('sleep 600'));
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
  expect(dyno.output).toMatch(/sleep \(pid \d+\) outlived/);
  expect(queued(redis)).toEqual(jobs);
});

test("a job's child process continues after SIGTERM to the supervisor alone", async () => {
  const { dyno, redis } = await startInstance({ args });
  const jobs = enqueue(redis, 2, 'ExternalWorker', 3);
  await inHand(redis, 2);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
  expect(runs(redis, 'finished').sort()).toEqual(jobs.sort());
});

test('two sidekiq processes share the queues as configured', async () => {
  const { dyno, redis } = await startInstance({ args, env: { SIDEKIQ_PROCESSES: '10 5:default' } });
  const [first, second] = await sidekiqProcesses(redis, 2);
  expect(first).toMatchObject({ concurrency: 10 });
  expect(first?.queues.sort()).toEqual(all);
  expect(second).toMatchObject({ concurrency: 5, queues: ['default'] });
  const jobs = enqueue(redis, 20, 'RecordedWorker', 2);
  await inHand(redis, 15);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
  expectNoneLost(redis, jobs);
});

test('RUN_SCHEDULE=false: all queues but scheduler, with their weights', async () => {
  const { dyno, redis } = await startInstance({ args, env: { RUN_SCHEDULE: 'false', SIDEKIQ_THREADS: '2' } });
  const [sidekiq] = await sidekiqProcesses(redis, 1);
  expect(sidekiq?.concurrency).toBe(2);
  expect(sidekiq?.queues.sort()).toEqual(all.filter((queue) => queue !== 'scheduler'));
  await dyno.waitForOutput(/-q default,8 -q push,6 -q ingress,4 -q mailers,2 -q pull -q fasp/);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});
