import { afterEach, expect, test, vi } from 'vitest';
import { clock } from '../../src/process/clock.ts';

afterEach(() => void vi.useRealTimers());

test('never goes back, and counts milliseconds', () => {
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

test('calls back, in the order of the times, once', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const heard: string[] = [];
  clock.after(2, () => void heard.push('b'));
  clock.after(-5, () => void heard.push('a'));
  vi.advanceTimersByTime(20);
  expect(heard).toEqual(['a', 'b']);
});

test('not at once, even without a wait', async () => {
  const heard: string[] = [];
  const called = new Promise<number>((resolve) => clock.after(0, () => resolve(heard.push('called'))));
  heard.push('returned');
  await called;
  expect(heard).toEqual(['returned', 'called']);
});

test('what was cancelled does not come, and holds no timer', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const heard: string[] = [];
  const cancel = clock.after(10, () => void heard.push('cancelled'));
  clock.after(10, () => void heard.push('kept'));
  cancel();
  cancel();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(10);
  cancel();
  expect(heard).toEqual(['kept']);
});

test.each([2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, Infinity])('%d ms from now is not now', async (ms) => {
  let called = false;
  const cancel = clock.after(ms, () => (called = true));
  await new Promise<void>((resolve) => clock.after(20, resolve));
  cancel();
  expect(called).toBe(false);
});
