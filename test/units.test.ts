import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeDuration } from '../src/units.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test('durations have one or two units, and are rounded to the smaller', () => {
  for (const [ms, text] of [
    [0, '0 ms'],
    [0.4, '0 ms'],
    [0.6, '1 ms'],
    [340.2, '340 ms'],
    [999, '999 ms'],
    [999.4, '999 ms'],
    [999.6, '1.0 s'],
    [SECOND, '1.0 s'],
    [2345, '2.3 s'],
    [9949, '9.9 s'],
    [9950, '10 s'],
    [9999, '10 s'],
    [45_000, '45 s'],
    [59_499, '59 s'],
    [59_500, '1 min'],
    [MINUTE, '1 min'],
    [MINUTE + SECOND, '1 min 1 s'],
    [3 * MINUTE + 20 * SECOND, '3 min 20 s'],
    [HOUR - SECOND, '59 min 59 s'],
    [HOUR - 1, '1 h'],
    [HOUR, '1 h'],
    [HOUR + 59 * SECOND, '1 h'],
    [3 * HOUR + 12 * MINUTE + 40 * SECOND, '3 h 12 min'],
    [DAY - MINUTE, '23 h 59 min'],
    [DAY, '1 d'],
    [DAY + 59 * MINUTE, '1 d'],
    [2 * DAY + 4 * HOUR, '2 d 4 h'],
    [400 * DAY, '400 d'],
  ] as const) {
    expect(describeDuration(ms), `${ms} ms`).toBe(text);
  }
});

const UNITS = new Map([
  ['ms', 1],
  ['s', SECOND],
  ['min', MINUTE],
  ['h', HOUR],
  ['d', DAY],
]);

/** The milliseconds of a text such as `3 min 20 s`. */
function parseDuration(text: string): number {
  const parts = [...text.matchAll(/([\d.]+) (\w+)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS.get(unit ?? '') ?? NaN), 0);
}

test('the text of any duration is at most one smaller unit away from it', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 100 * DAY, noNaN: true }), (ms) => {
      const text = describeDuration(ms);
      expect(text).toMatch(/^\d+(\.\d)? (ms|s|min|h|d)( \d+ (s|min|h))?$/);
      const smallerUnit = ms < SECOND ? 1 : ms < 10 * SECOND ? 51 : ms < HOUR ? SECOND : ms < DAY ? MINUTE : HOUR;
      expect(Math.abs(parseDuration(text) - ms)).toBeLessThanOrEqual(smallerUnit);
    }),
    { numRuns: 2000 },
  );
});
