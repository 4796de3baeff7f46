import { expect, it } from 'vitest';
import { Timers } from '../../../src/simulator/platform/events.ts';
import { FakeClock } from '../../fakes/clock.ts';

it('cancels the timers of one instance, one dyno or all, and no others', async () => {
  const clock = new FakeClock();
  const timers = new Timers(clock);
  const rung: string[] = [];
  for (const whose of ['web.1 1 ', 'web.1 10 ', 'web.10 1 ', 'worker.1 1 ']) {
    for (const ms of [10, 20, 30]) timers.after(ms, whose, () => rung.push(`${whose}${ms}`));
  }
  timers.cancel('web.1 1 ');
  await clock.advance(10);
  timers.cancel('web.1 ');
  await clock.advance(10);
  timers.cancel();
  await clock.advance(10);
  expect(rung).toEqual(['web.1 10 10', 'web.10 1 10', 'worker.1 1 10', 'web.10 1 20', 'worker.1 1 20']);
});
