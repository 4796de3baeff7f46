import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { now } from './now.ts';
import type { RealRecord } from './real-record.ts';
import type { StoryRedis } from './real-redis.ts';
import type { JobKind, RealStory } from './real-story.ts';

const QUEUE = 'default';
/** As many wait already when the dyno starts. */
const FIRST = 4;

/** Puts jobs into the queue, as Sidekiq's client does, until it is over; gives those that Redis said yes to. */
export async function enqueueAll(
  { jobs: { everyMs, kinds } }: RealStory,
  redis: StoryRedis,
  isOver: () => boolean,
): Promise<RealRecord['enqueued']> {
  const enqueued: RealRecord['enqueued'][number][] = [];
  for (let count = 0; !isOver(); count++) {
    const kind = kinds[count % kinds.length];
    if (kind === undefined) break;
    const jid = await enqueue(redis, kind).catch(() => null);
    if (jid !== null) enqueued.push({ jid, atMs: now(), lastsMs: kind.lastsMs });
    if (count >= FIRST) await pause(everyMs);
  }
  return enqueued;
}

/** The ids of the jobs that wait in Redis, once for each time they do. */
export async function waitingJobs(redis: StoryRedis): Promise<string[]> {
  const queued = await redis.ask('lrange', `queue:${QUEUE}`, '0', '-1');
  const later = await Promise.all(['retry', 'schedule', 'dead'].map((set) => redis.ask('zrange', set, '0', '-1')));
  return [...queued, ...later.flat()].map((job) => (JSON.parse(job) as { jid: string }).jid);
}

async function enqueue(redis: StoryRedis, { lastsMs, lingersMs }: JobKind): Promise<string> {
  const jid = randomBytes(12).toString('hex');
  const at = Date.now() / 1000;
  const args = [lastsMs / 1000, lingersMs / 1000];
  const times = { created_at: at, enqueued_at: at };
  const job = JSON.stringify({ class: 'LedgerWorker', args, jid, queue: QUEUE, retry: true, ...times });
  await redis.ask('lpush', `queue:${QUEUE}`, job);
  return jid;
}
