import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { checkout, endOf, get, pidOf, ready, startInstance, withExit, type Instance } from './instance.ts';
import { enqueue, expectNoneLost, inHand, queued, runs } from './jobs.ts';
import type { Redis } from './services.ts';

/** Some 170 MB of it are used at rest, in puma's single mode. */
const QUOTA = { RUN_WORKER: 'true', WEB_CONCURRENCY: '0', SUPERVISE_MEMORY_QUOTA: '320M', SUPERVISE_MEMORY_LOG: '1' };

test('a convert that grows beyond the dyno is ended and its job retried; puma and the other jobs never notice', async () => {
  const folder = checkout();
  const picture = join(folder, 'picture.png');
  execFileSync('convert', ['-size', '7000x7000', 'gradient:red-blue', '-quality', '10', picture]);
  writeFileSync(join(folder, 'policy.xml'), '<policymap></policymap>');
  const none = { MAGICK_MEMORY_LIMIT: '64GiB', MAGICK_MAP_LIMIT: '64GiB', MAGICK_CONFIGURE_PATH: folder };
  const instance = await startInstance({ cwd: folder, env: { ...QUOTA, ...none } });
  const { dyno, redis } = instance;
  await ready(instance);
  const [puma, sidekiq] = [await pidOf(dyno, 'puma'), await pidOf(dyno, 'sidekiq')];
  const others = enqueue(redis, 2, 'RecordedWorker', 8);
  await inHand(redis, 2);
  const [convert = ''] = enqueue(redis, 1, 'ConvertWorker', picture);
  const answers = await askUntil(instance, () => retried(redis, convert));
  expect(answers.filter((status) => status !== 200)).toEqual([]);
  expect(dyno.output).toMatch(/and convert\S* \(started by sidekiq\) holds \d+ MB.*; (ending|killing) convert/);
  await eventually(() => expect(runs(redis, 'finished').sort()).toEqual([...others].sort()));
  expect([puma, sidekiq].map(alive)).toEqual([true, true]);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});

test('a sidekiq that leaks is recycled while it works: every job runs once, and puma answers throughout', async () => {
  const marks = { SUPERVISE_MEMORY_WARN_AT: '60', SUPERVISE_MEMORY_ACT_AT: '85' };
  const instance = await startInstance({ env: { ...QUOTA, ...marks } });
  const { dyno, redis } = instance;
  await ready(instance);
  await dyno.says(/memory_sidekiq=[1-9]/);
  const first = await pidOf(dyno, 'sidekiq');
  const jobs: string[] = [];
  // Until its SIGTERM: on a slow machine, more jobs than that would fill the restarted sidekiq again.
  const enqueuing = setInterval(() => jobs.push(...enqueue(redis, 1, 'LeakingWorker', 4096)), 100);
  const restarted = dyno.says(/restarting sidekiq, which/).finally(() => clearInterval(enqueuing));
  const answers = askUntil(instance, () => dyno.says(/(sidekiq is ready[^]*){2}/));
  await restarted;
  expect((await answers).filter((status) => status !== 200)).toEqual([]);
  expect(dyno.output).toMatch(/sidekiq holds \d+ MB, \d+ MB more than at rest; restarting sidekiq gracefully/);
  await eventually(() => expect(queued(redis)).toEqual([]));
  await eventually(() => expect(runs(redis, 'finished')).toHaveLength(jobs.length));
  expectNoneLost(redis, jobs);
  expect(alive(first)).toBe(false);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});

/** Asks puma again and again until `done` has come true; gives the status of every answer. */
async function askUntil({ port }: Instance, done: () => Promise<unknown>): Promise<(number | undefined)[]> {
  const answers: (number | undefined)[] = [];
  const over = new AbortController();
  const finished = done().finally(() => over.abort());
  while (!over.signal.aborted) answers.push((await get(port, '/health')).status);
  await finished;
  return answers;
}

/** Resolves once sidekiq wants to try that job again. */
async function retried(redis: Redis, jid: string): Promise<void> {
  await eventually(() => {
    const waiting = redis.ask('zrange', 'retry', '0', '-1').map((job) => (JSON.parse(job) as { jid: string }).jid);
    expect(waiting).toContain(jid);
  });
}
