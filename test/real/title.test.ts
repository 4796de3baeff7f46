import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { commandLine } from '../harness/processes.ts';
import { serving } from '../plan/checkout.ts';
import { endOf, pidOf, startInstance, withExit } from './instance.ts';
import { enqueue, inHand, runs } from './jobs.ts';

const idle = new RegExp(serving('worker', {}).children[0]?.memory.recycle?.idleTitle ?? '');

test('the title of a real sidekiq shows when it is quiet and has nothing in hand, and not before', async () => {
  const { dyno, redis } = await startInstance({ args: ['worker'] });
  const sidekiq = await pidOf(dyno, 'sidekiq');
  const jobs = enqueue(redis, 1, 'RecordedWorker', 8);
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
