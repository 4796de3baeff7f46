import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { commandLine } from '../harness/processes.ts';
import { serving } from '../plan/checkout.ts';
import { endOf, majorVersionOf, pidOf, startInstance, withExit } from './instance.ts';
import { enqueue, inHand, runs } from './jobs.ts';

const idle = new RegExp(serving('worker', {}).children[0]?.memory.restart?.idleTitle ?? '');

/** Sidekiq updates its title at each heartbeat: every 5 s up to version 6, every 10 s from version 7 on. */
const heartbeatS = majorVersionOf('sidekiq') >= 7 ? 10 : 5;

test('the title of a real sidekiq shows that it is quiet and idle, and not before', async () => {
  const { dyno, redis } = await startInstance({ args: ['worker'] });
  const sidekiq = await pidOf(dyno, 'sidekiq');
  const jobs = enqueue(redis, 1, 'RecordedWorker', heartbeatS + 3);
  await inHand(redis, 1);
  await eventually(() => expect(commandLine(sidekiq)).toMatch(/\[1 of 5 busy\]/));
  expect(commandLine(sidekiq)).not.toMatch(idle);
  process.kill(sidekiq, 'SIGTSTP');
  await eventually(() => {
    expect(commandLine(sidekiq)).toMatch(idle);
  });
  expect(runs(redis, 'finished')).toEqual(jobs);
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});
