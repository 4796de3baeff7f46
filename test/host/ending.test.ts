import { expect, test } from 'vitest';
import { Ending } from '../../src/host/ending.ts';
import { readProcess, type ProcessRow } from '../../src/host/processes.ts';
import { FakeClock } from '../fakes/clock.ts';
import { Family, SLEEPER } from './family.ts';

test('a look that takes longer than all the time that is left still ends in the KILL', async () => {
  const family = new Family();
  family.start(`exec ${SLEEPER} a`);
  const pid = await family.pid('a');
  const clock = new FakeClock();
  const living = (): ProcessRow[] => {
    clock.leap(1000);
    return [readProcess(pid)].filter((row) => row !== null);
  };
  const ending = new Ending(clock, () => false);
  expect(await ending.empty(living, () => 0)).toEqual({ ended: [], killed: [`sleep (pid ${pid})`] });
  await family.gone(pid);
});

test('an heir that came with our TERM, and that a look missed, gets its own TERM', async () => {
  const family = new Family();
  family.start(`exec ${SLEEPER} first`);
  family.start(`exec ${SLEEPER} heir`);
  const [first, heir] = [await family.pid('first'), await family.pid('heir')];
  const looks = [[first], [], [heir]];
  const living = (): ProcessRow[] => (looks.shift() ?? []).flatMap((pid) => readProcess(pid) ?? []);
  const clock = new FakeClock();
  const ended = new Ending(clock, () => false).empty(living, () => 60_000);
  await clock.advance(1000);
  expect(await ended).toEqual({ ended: [`sleep (pid ${first})`, `sleep (pid ${heir})`], killed: [] });
  for (const pid of [first, heir]) await family.gone(pid);
});
