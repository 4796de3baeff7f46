import { describe, expect, test } from 'vitest';
import { type ExactSample, type QuickSample, msUntilNextSample, needsExact } from '../../src/memory/sampling.ts';
import { MB } from '../fakes/plan.ts';
import { limits } from './readings.ts';

const last: ExactSample = { atMs: 0, totalBytes: 350 * MB, costMs: 4 };
function look(atMs: number, megabytes: number, more: Partial<QuickSample> = {}): QuickSample {
  return { atMs, totalBytes: megabytes * MB, growth: 0, helpers: 0, ...more };
}

describe('an exact reading', () => {
  test.each<[string, QuickSample, ExactSample | null, boolean]>([
    ['the first', look(0, 350), null, true],
    ['nothing has changed', look(14_999, 350), last, false],
    ['every 15 s', look(15_000, 350), last, true],
    ['far from every threshold, growing', look(1000, 470), last, false],
    ['near a threshold and changed', look(1000, 490), last, true],
    ['near a threshold as before', look(5000, 491), { ...last, totalBytes: 490 * MB }, false],
    ['a threshold was crossed', look(1000, 520), last, true],
    ['back below it', look(1000, 500), { ...last, totalBytes: 520 * MB }, true],
    ['above relieve, once a second', look(1000, 780), { ...last, totalBytes: 780 * MB }, true],
    ['above relieve, unchanged, sooner', look(400, 780), { ...last, totalBytes: 780 * MB }, false],
    ['above relieve, changed', look(400, 790), { ...last, totalBytes: 780 * MB }, true],
    ['never more than 2 % of a core', look(199, 520), last, false],
    ['10 % where something has to be done', look(41, 800), last, true],
  ])('%s', (_, now, before, wanted) => {
    expect(needsExact(now, before, limits)).toBe(wanted);
  });
});

describe('the next look', () => {
  test.each<[string, QuickSample, number]>([
    ['at rest', look(0, 350), 1000],
    ['growing, but not soon there', look(0, 350, { growth: 80 * MB }), 1000],
    ['growing towards relieve', look(0, 350, { growth: 90 * MB }), 200],
    ['a helper is at work', look(0, 350, { helpers: 1 }), 200],
    ['above relieve', look(0, 770), 200],
    ['shrinking', look(0, 500, { growth: -500 * MB }), 1000],
  ])('%s', (_, now, expected) => {
    expect(msUntilNextSample(now, limits)).toBe(expected);
  });
});
