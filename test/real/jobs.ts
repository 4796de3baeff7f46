import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import type { Redis } from './services.ts';

/** Puts jobs into a queue as Sidekiq's client does; returns their ids. */
export function enqueue(
  redis: Redis,
  count: number,
  worker: string,
  argument: number | string,
  queue = 'default',
): string[] {
  const ids = Array.from({ length: count }, () => randomBytes(12).toString('hex'));
  const now = Date.now() / 1000;
  const jobs = ids.map((jid) =>
    JSON.stringify({ class: worker, args: [argument], jid, queue, retry: true, created_at: now, enqueued_at: now }),
  );
  redis.ask('sadd', 'queues', queue);
  redis.ask('lpush', `queue:${queue}`, ...jobs);
  return ids;
}

/** The ids of the jobs that started or finished, once per run. */
export function runs(redis: Redis, event: 'started' | 'finished'): string[] {
  return redis.ask('lrange', `runs:${event}`, '0', '-1');
}

export function queued(redis: Redis, queue = 'default'): string[] {
  return redis.ask('lrange', `queue:${queue}`, '0', '-1').map((job) => (JSON.parse(job) as { jid: string }).jid);
}

/** Resolves once that many jobs have started: some may have finished since. */
export async function inHand(redis: Redis, count: number): Promise<void> {
  await eventually(() => expect(runs(redis, 'started').length).toBeGreaterThanOrEqual(count));
}

/** Expects each job to have finished once or to wait in the queue: none is lost, none ran twice. */
export function expectNoneLost(redis: Redis, ids: readonly string[]): void {
  expect([...runs(redis, 'finished'), ...queued(redis)].sort()).toEqual([...ids].sort());
}

export type SidekiqProcess = { concurrency: number; queues: string[] };

/** The running sidekiq processes as they register themselves in Redis, most threads first. */
export async function sidekiqProcesses(redis: Redis, count: number): Promise<SidekiqProcess[]> {
  return eventually(() => {
    const infos = redis.ask('smembers', 'processes').flatMap((identity) => redis.ask('hget', identity, 'info'));
    expect(infos).toHaveLength(count);
    const processes = infos.map((info) => JSON.parse(info) as SidekiqProcess);
    return processes.sort((a, b) => b.concurrency - a.concurrency);
  });
}
