import { afterEach, expect, test, vi } from 'vitest';
import { clock } from '../../src/process/runtime.ts';

afterEach(() => void vi.useRealTimers());

test('is monotonic, and counts milliseconds', () => {
  const times = Array.from({ length: 1000 }, () => clock.now());
  expect(times).toEqual([...times].sort((a, b) => a - b));
  const [before, now, after] = [performance.now(), clock.now(), performance.now()];
  const again = clock.now() - now;
  expect(again).toBeGreaterThan(0);
  expect(again).toBeLessThanOrEqual(performance.now() - before);
  expect(after).toBeGreaterThanOrEqual(before);
});

test('does not follow the wall clock', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  const before = clock.now();
  vi.setSystemTime(10 ** 15);
  const later = clock.now();
  vi.setSystemTime(0);
  expect(later).toBeLessThan(before + 10 ** 9);
  expect(clock.now()).toBeGreaterThanOrEqual(later);
});

test('calls back once, in the order of the times', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const calls: string[] = [];
  clock.after(2, () => void calls.push('b'));
  clock.after(-5, () => void calls.push('a'));
  vi.advanceTimersByTime(20);
  expect(calls).toEqual(['a', 'b']);
});

test('does not call back synchronously, even after 0 ms', async () => {
  const calls: string[] = [];
  const called = new Promise<number>((resolve) => clock.after(0, () => resolve(calls.push('called'))));
  calls.push('returned');
  await called;
  expect(calls).toEqual(['returned', 'called']);
});

test('a cancelled callback is not called, and keeps no timer', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const calls: string[] = [];
  const cancel = clock.after(10, () => void calls.push('cancelled'));
  clock.after(10, () => void calls.push('kept'));
  cancel();
  cancel();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(10);
  cancel();
  expect(calls).toEqual(['kept']);
});

test.each([2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, Infinity])(
  'a timeout of %d ms does not call back at once',
  async (ms) => {
    let called = false;
    const cancel = clock.after(ms, () => (called = true));
    await new Promise<void>((resolve) => clock.after(20, resolve));
    cancel();
    expect(called).toBe(false);
  },
);
