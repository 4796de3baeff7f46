import { expect, test } from 'vitest';
import { bad, drained, GOOD, over, together } from '../../scripts/bench/columns/verdicts.js';
import { cell, middleCell, spreadOf } from '../../scripts/bench/spread.js';
import { describeStops, describeStopsShortly, summaryOf } from '../../scripts/bench/stop-words.js';

test('a median has its quartiles, and what was not measured does not count', () => {
  expect(spreadOf([5, NaN, 1, 3, 2, 4])).toEqual({ median: 3, low: 2, high: 4, count: 5 });
  expect(spreadOf([NaN])).toBeNull();
});

test.each([
  [[52, 49, 53], '52 ms (51 to 53)'],
  [[7, 7, 7], '7 ms'],
  [[], '—'],
])('%j in a cell: %s', (values, text) => {
  expect(cell(spreadOf(values), { unit: 'ms' })).toBe(text);
});

test('a middle cell has the median alone, in the unit asked for', () => {
  const spread = spreadOf([2048, 3072, 9216]);
  expect(middleCell(spread, { unit: 'kB', digits: 1, per: 1024 })).toBe('3.0 kB');
});

const stop = (endedMs, { left = 0, cut = 0 } = {}) => ({ endedMs, left, cut });

test.each([
  ['drained', [stop(300), stop(302)], '301 ms (301 to 302)', '301 ms'],
  ['killed its children', [stop(1900, { cut: 3 })], 'kills them: 1.9 s', 'kills them'],
  ['left its children', [stop(2, { left: 3 }), stop(2, { left: 2 })], 'leaves 3: 2 ms', 'leaves 3'],
  ['left some and killed others', [stop(2, { left: 1, cut: 2 })], 'leaves 1: 2 ms', 'leaves 1'],
  ['did not end', [stop(null, { left: 3 })], 'never', 'never'],
  ['did not come up', [null], 'does not start', 'does not start'],
  [
    'did one thing twice, another once',
    [stop(1), stop(null), stop(null)],
    'never (2 of 3 times)',
    'never (2 of 3 times)',
  ],
])('one that %s: %j', (_, stops, text, short) => {
  expect(describeStops(summaryOf(stops), false)).toBe(text);
  expect(describeStopsShortly(summaryOf(stops))).toBe(short);
});

test('of children that never end a kill is what is asked', () => {
  expect(describeStops(summaryOf([stop(28_500, { cut: 3 })]), true)).toBe('28.5 s');
});

/** A run that ended, with children that had all done what they had to. */
const seen = { isUp: true, end: { code: 0, signal: null }, left: 0, children: [{ endedMs: 300, goneMs: 301 }] };
const killed = [{ endedMs: null, goneMs: 1900 }];
const lives = [{ endedMs: null, goneMs: null }];

test.each([
  ['all done', seen, GOOD, GOOD],
  ['a child killed', { ...seen, children: killed }, bad('killed after 1.9 s'), GOOD],
  ['a process left', { ...seen, left: 2 }, bad('leaves 2'), bad('leaves 2')],
  ['never over', { ...seen, end: null, children: killed }, bad('killed after 1.9 s'), bad('never ends')],
  ['nothing ends', { ...seen, end: null, children: lives }, bad('nothing ends'), bad('nothing ends')],
  ['not up', { ...seen, isUp: false, children: lives }, bad('does not start'), bad('does not start')],
])('%s', (_, what, ofDrained, ofOver) => {
  expect([drained(what), over(what)]).toEqual([ofDrained, ofOver]);
});

test.each([
  ['all good', { two: GOOD, five: GOOD }, GOOD],
  ['all wrong in the same way', { two: bad('leaves 1'), five: bad('leaves 1') }, bad('leaves 1')],
  ['some wrong', { two: GOOD, five: bad('leaves 1') }, bad('five: leaves 1')],
  ['wrong in two ways', { two: bad('never ends'), five: bad('leaves 1') }, bad('two: never ends; five: leaves 1')],
])('several cases, %s', (_, cases, verdict) => {
  expect(together(cases)).toEqual(verdict);
});
