import { describe, expect, test } from 'vitest';
import { type ExactSample, type QuickSample, msUntilNextSample, needsExact } from '../../src/memory/sampling.ts';
import { MB } from '../fakes/plan.ts';
import { limits } from './readings.ts';

const last: ExactSample = { atMs: 0, totalBytes: 350 * MB, costMs: 4 };
function sample(atMs: number, megabytes: number, more: Partial<QuickSample> = {}): QuickSample {
  return { atMs, totalBytes: megabytes * MB, growth: 0, helpers: 0, ...more };
}

describe('an exact reading', () => {
  test.each<[string, QuickSample, ExactSample | null, boolean]>([
    ['the first one', sample(0, 350), null, true],
    ['nothing has changed', sample(14_999, 350), last, false],
    ['every 15 s', sample(15_000, 350), last, true],
    ['far from every threshold, growing', sample(1000, 470), last, false],
    ['near a threshold and changed', sample(1000, 490), last, true],
    ['near a threshold as before', sample(5000, 491), { ...last, totalBytes: 490 * MB }, false],
    ['a threshold was crossed', sample(1000, 520), last, true],
    ['back below it', sample(1000, 500), { ...last, totalBytes: 520 * MB }, true],
    ['above act, once a second', sample(1000, 780), { ...last, totalBytes: 780 * MB }, true],
    ['above act, unchanged, sooner', sample(400, 780), { ...last, totalBytes: 780 * MB }, false],
    ['above act, changed', sample(400, 790), { ...last, totalBytes: 780 * MB }, true],
    ['never more than 2 % of a core', sample(199, 520), last, false],
    ['up to 10 % of a core where an action is due', sample(41, 800), last, true],
  ])('%s', (_, now, before, expected) => {
    expect(needsExact(now, before, limits)).toBe(expected);
  });
});

describe('the next reading', () => {
  test.each<[string, QuickSample, number]>([
    ['at rest', sample(0, 350), 1000],
    ['growing, but too slowly to reach act soon', sample(0, 350, { growth: 80 * MB }), 1000],
    ['growing towards act', sample(0, 350, { growth: 90 * MB }), 200],
    ['a helper runs', sample(0, 350, { helpers: 1 }), 200],
    ['above act', sample(0, 770), 200],
    ['shrinking', sample(0, 500, { growth: -500 * MB }), 1000],
  ])('%s', (_, now, expected) => {
    expect(msUntilNextSample(now, limits)).toBe(expected);
  });
});
