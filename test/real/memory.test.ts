import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { checkout, endOf, get, pidOf, ready, startInstance, withExit, type Instance } from './instance.ts';
import { enqueue, expectNoneLost, inHand, queued, runs } from './jobs.ts';
import type { Redis } from './services.ts';

/** At rest some 170 MB of the quota are used, with puma in single mode. */
const QUOTA = { RUN_WORKER: 'true', WEB_CONCURRENCY: '0', SUPERVISE_MEMORY_QUOTA: '320M', SUPERVISE_MEMORY_LOG: '1' };

test('a convert that outgrows the dyno is ended and its job retried; puma and other jobs continue', async () => {
  const folder = checkout();
  const picture = join(folder, 'picture.png');
  execFileSync('convert', ['-size', '7000x7000', 'gradient:red-blue', '-quality', '10', picture]);
  writeFileSync(join(folder, 'policy.xml'), '<policymap></policymap>');
  const unlimited = { MAGICK_MEMORY_LIMIT: '64GiB', MAGICK_MAP_LIMIT: '64GiB', MAGICK_CONFIGURE_PATH: folder };
  const instance = await startInstance({ cwd: folder, env: { ...QUOTA, ...unlimited } });
  const { dyno, redis } = instance;
  await ready(instance);
  const [puma, sidekiq] = [await pidOf(dyno, 'puma'), await pidOf(dyno, 'sidekiq')];
  const others = enqueue(redis, 2, 'RecordedWorker', 8);
  await inHand(redis, 2);
  const [convert = ''] = enqueue(redis, 1, 'ConvertWorker', picture);
  const statuses = await requestUntil(instance, () => retried(redis, convert));
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect(dyno.output).toMatch(/: convert\S* \(started by sidekiq\), \d+ MB.*; (ending|killing) convert/);
  await eventually(() => expect(runs(redis, 'finished').sort()).toEqual([...others].sort()));
  expect([puma, sidekiq].map(alive)).toEqual([true, true]);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});

test('a leaking sidekiq is restarted while it works: every job runs once, and puma answers throughout', async () => {
  const thresholds = { SUPERVISE_MEMORY_WARN_AT: '60', SUPERVISE_MEMORY_ACT_AT: '85' };
  const instance = await startInstance({ env: { ...QUOTA, ...thresholds } });
  const { dyno, redis } = instance;
  await ready(instance);
  await dyno.waitForOutput(/memory_sidekiq=[1-9]/);
  const first = await pidOf(dyno, 'sidekiq');
  const jobs: string[] = [];
  // Until its SIGTERM: on a slow machine, more jobs than that would fill the restarted sidekiq again.
  const enqueuing = setInterval(() => jobs.push(...enqueue(redis, 1, 'LeakingWorker', 4096)), 100);
  const restarted = dyno.waitForOutput(/restarting sidekiq, which/).finally(() => clearInterval(enqueuing));
  const statuses = requestUntil(instance, () => dyno.waitForOutput(/(sidekiq is ready[^]*){2}/));
  await restarted;
  expect((await statuses).filter((status) => status !== 200)).toEqual([]);
  expect(dyno.output).toMatch(/sidekiq, \d+ MB, \d+ MB more than at rest; restarting sidekiq gracefully/);
  await eventually(() => expect(queued(redis)).toEqual([]));
  await eventually(() => expect(runs(redis, 'finished')).toHaveLength(jobs.length));
  expectNoneLost(redis, jobs);
  expect(alive(first)).toBe(false);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});

/** Sends requests to puma until `done` resolves; returns the status of every response. */
async function requestUntil({ port }: Instance, done: () => Promise<unknown>): Promise<(number | undefined)[]> {
  const statuses: (number | undefined)[] = [];
  const stopped = new AbortController();
  const finished = done().finally(() => stopped.abort());
  while (!stopped.signal.aborted) statuses.push((await get(port, '/health')).status);
  await finished;
  return statuses;
}

/** Resolves once sidekiq has scheduled a retry of the job. */
async function retried(redis: Redis, jid: string): Promise<void> {
  await eventually(() => {
    const waiting = redis.ask('zrange', 'retry', '0', '-1').map((job) => (JSON.parse(job) as { jid: string }).jid);
    expect(waiting).toContain(jid);
  });
}
