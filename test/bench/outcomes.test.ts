import { expect, test } from 'vitest';
import type { Observation } from '../../bench/peers/correctness/observe.ts';
import { bad, combine, drained, ended, GOOD } from '../../bench/peers/correctness/verdicts.ts';
import { describeStops, describeStopsBriefly, summarizeStops } from '../../bench/peers/stop-outcome.ts';
import type { Stop } from '../../bench/peers/stop-outcome.ts';
import { medianText, spreadText } from '../../bench/report/format.ts';
import { spreadOf } from '../../bench/report/statistics.ts';

test('a median has its quartiles, and NaN does not count', () => {
  expect(spreadOf([5, NaN, 1, 3, 2, 4])).toEqual({ median: 3, low: 2, high: 4, count: 5 });
  expect(spreadOf([NaN])).toBeNull();
});

test.each([
  [[52, 49, 53], '52 ms (51 to 53)'],
  [[7, 7, 7], '7 ms'],
  [[], '—'],
])('%j as text: %s', (values, text) => {
  expect(spreadText(spreadOf(values), { unit: 'ms' })).toBe(text);
});

test('a median as text is in the unit asked for', () => {
  const spread = spreadOf([2048, 3072, 9216]);
  expect(medianText(spread, { unit: 'kB', digits: 1, per: 1024 })).toBe('3.0 kB');
});

const stop = (endedMs: number | null, { left = 0, cut = 0 } = {}): Stop => ({ endedMs, left, cut });

test.each([
  ['drained', [stop(300), stop(302)], '301 ms (301 to 302)', '301 ms'],
  ['killed its children', [stop(1900, { cut: 3 })], 'kills them: 1.9 s', 'kills them'],
  ['left its children', [stop(2, { left: 3 }), stop(2, { left: 2 })], 'leaves 3: 2 ms', 'leaves 3'],
  ['left some and killed others', [stop(2, { left: 1, cut: 2 })], 'leaves 1: 2 ms', 'leaves 1'],
  ['did not end', [stop(null, { left: 3 })], 'never', 'never'],
  ['did not come up', [null], 'does not start', 'does not start'],
  [
    'had one outcome twice, another once',
    [stop(1), stop(null), stop(null)],
    'never (2 of 3 times)',
    'never (2 of 3 times)',
  ],
])('a peer that %s: %j', (_, stops, text, brief) => {
  expect(describeStops(summarizeStops(stops), false)).toBe(text);
  expect(describeStopsBriefly(summarizeStops(stops))).toBe(brief);
});

test('killing children that never exit is correct', () => {
  expect(describeStops(summarizeStops([stop(28_500, { cut: 3 })]), true)).toBe('28.5 s');
});

/** A run that ended, with a child that was done before. */
const done: Observation = {
  isUp: true,
  end: { code: 0, signal: null, atMs: 1310 },
  tookMs: 310,
  left: 0,
  children: [{ termMs: 1, endedMs: 300, goneMs: 301 }],
};
const killed = [{ termMs: 1, endedMs: null, goneMs: 1900 }];
const alive = [{ termMs: 1, endedMs: null, goneMs: null }];

test.each([
  ['all done', done, GOOD, GOOD],
  ['a child killed', { ...done, children: killed }, bad('killed after 1.9 s'), GOOD],
  ['a process left', { ...done, left: 2 }, bad('leaves 2'), bad('leaves 2')],
  ['no end', { ...done, end: null, children: killed }, bad('killed after 1.9 s'), bad('never ends')],
  ['nothing ends', { ...done, end: null, children: alive }, bad('nothing ends'), bad('nothing ends')],
  ['not up', { ...done, isUp: false, children: alive }, bad('does not start'), bad('does not start')],
])('verdicts on a run with %s', (_, observation, ofDrained, ofEnded) => {
  expect([drained(observation), ended(observation)]).toEqual([ofDrained, ofEnded]);
});

test.each([
  ['all good', { two: GOOD, five: GOOD }, GOOD],
  ['all wrong in the same way', { two: bad('leaves 1'), five: bad('leaves 1') }, bad('leaves 1')],
  ['some wrong', { two: GOOD, five: bad('leaves 1') }, bad('five: leaves 1')],
  ['wrong in two ways', { two: bad('never ends'), five: bad('leaves 1') }, bad('two: never ends; five: leaves 1')],
])('one verdict on several cases, %s', (_, cases, verdict) => {
  expect(combine(cases)).toEqual(verdict);
});
