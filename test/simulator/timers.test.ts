import { expect, it } from 'vitest';
import { Timers } from '../../src/simulator/timers.ts';
import { FakeClock } from '../fakes/clock.ts';

it('forgets the timers of one life, of one dyno, of all, and no others', async () => {
  const clock = new FakeClock();
  const timers = new Timers(clock);
  const rung: string[] = [];
  for (const whose of ['web.1 1 ', 'web.1 10 ', 'web.10 1 ', 'worker.1 1 ']) {
    for (const ms of [10, 20, 30]) timers.after(ms, whose, () => rung.push(`${whose}${ms}`));
  }
  timers.forget('web.1 1 ');
  await clock.advance(10);
  timers.forget('web.1 ');
  await clock.advance(10);
  timers.forget();
  await clock.advance(10);
  expect(rung).toEqual(['web.1 10 10', 'web.10 1 10', 'worker.1 1 10', 'web.10 1 20', 'worker.1 1 20']);
});
