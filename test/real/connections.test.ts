import { expect, test } from 'vitest';
import { redisConnectionsAtStart } from '../../src/plan/resources.ts';
import { eventually } from '../harness/eventually.ts';
import { serving } from '../plan/checkout.ts';
import { endOf, startInstance, withExit } from './instance.ts';
import { sidekiqProcesses } from './jobs.ts';
import type { Redis } from './services.ts';

const HEARTBEATS = 3;

test('a real sidekiq opens as many Redis connections as planned, and no more at heartbeats', async () => {
  const { dyno, redis } = await startInstance({ args: ['worker'] });
  const [spec] = serving('worker', {}).children;
  if (spec === undefined) throw new Error('the plan of a worker has no child');
  await sidekiqProcesses(redis, 1);
  await eventually(() => expect(connections(redis)).toHaveLength(redisConnectionsAtStart(spec)));
  for (let count = 0; count < HEARTBEATS; count++) await heartbeat(redis);
  expect(connections(redis)).toHaveLength(redisConnectionsAtStart(spec));
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});

/** The last command of each client of this Redis, except for redis-cli itself. */
function connections(redis: Redis): string[] {
  const commands = redis.ask('client', 'list').map((line) => /\bcmd=(\S+)/.exec(line)?.[1] ?? line);
  return commands.filter((command) => !command.startsWith('client'));
}

/** Resolves at the next heartbeat of sidekiq. */
async function heartbeat(redis: Redis): Promise<void> {
  const [identity = ''] = redis.ask('smembers', 'processes');
  const [last] = redis.ask('hget', identity, 'beat');
  await eventually(() => expect(redis.ask('hget', identity, 'beat')).not.toEqual([last]));
}
