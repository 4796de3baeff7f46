import { expect, test } from 'vitest';
import { placeLabels, plotData } from '../../../src/simulator/web/page/plot-data.ts';
import type { Sample } from '../../../src/simulator/web/page/messages.ts';
import type { PlatformEvent } from '../../../src/simulator/simulation.ts';

const QUOTA = 512;
const run = (id: number, bytes: number | null, labels: Record<string, number> = {}) => ({ id, bytes, labels });
const sample = (atMs: number, ...runs: ReturnType<typeof run>[]): Sample => ({
  atMs,
  dynos: { 'web.1': { quotaBytes: QUOTA, runs } },
});

test('each label lies on those below it, and the total is what the dyno takes', () => {
  const data = plotData(
    [
      sample(1000, run(1, 40, { sidekiq: 20, puma: 10, supervisor: 5 })),
      sample(2000, run(1, 60, { puma: 10, supervisor: 5, convert: 30, sidekiq: 10 })),
    ],
    'web.1',
    0,
  );
  expect(data).toEqual({
    labels: ['supervisor', 'puma', 'sidekiq', 'convert'],
    timesMs: [1000, 2000],
    stacked: [
      [5, 5],
      [15, 15],
      [35, 25],
      [35, 55],
    ],
    total: [40, 60],
    draining: [null, null],
    quota: [QUOTA, QUOTA],
    highestBytes: 60,
  });
});

test('the run that serves is stacked, of those that drain the largest is a line', () => {
  const data = plotData([sample(1, run(3, 10, { puma: 10 }), run(2, 30, { puma: 30 }), run(1, 20))], 'web.1', 0);
  expect(data).toMatchObject({ labels: ['puma'], stacked: [[10]], total: [10], draining: [30], highestBytes: 30 });
});

test('gaps where nothing runs, memory is unknown or the dyno does not exist; the quota where it is known', () => {
  const data = plotData([{ atMs: 1, dynos: {} }, sample(2), sample(3, run(1, null)), sample(4, run(1, 8))], 'web.1', 0);
  expect(data.total).toEqual([null, null, null, 8]);
  expect(data.quota).toEqual([null, QUOTA, QUOTA, QUOTA]);
  const stacked = plotData([sample(1), sample(2, run(1, 9, { puma: 9 }))], 'web.1', 0);
  expect(stacked.stacked).toEqual([[null, 9]]);
});

test('only the window, and one sample before it for the line to the edge', () => {
  const samples = [1, 2, 3, 4, 5].map((second) => sample(second * 1000, run(1, second)));
  expect(plotData(samples, 'web.1', 3500).timesMs).toEqual([3000, 4000, 5000]);
  expect(plotData(samples, 'web.1', 9000).timesMs).toEqual([]);
  expect(plotData([], 'web.1', 0)).toMatchObject({ labels: [], timesMs: [], highestBytes: 0 });
});

const mark = (x: number, text: string, kind: PlatformEvent['kind'] = 'state') => ({
  x,
  event: { atMs: x, dyno: null, kind, label: text, text },
});
const width = (text: string): number => text.length * 10;
const placed = (marks: ReturnType<typeof mark>[], end = 1000) =>
  placeLabels(marks, width, end).map(({ event: event, left, row }) => [event.label, left, row]);

test('labels in one row where there is room, else below one another', () => {
  expect(placed([mark(0, 'up'), mark(500, 'down')])).toEqual([
    ['up', 0, 0],
    ['down', 500, 0],
  ]);
  expect(placed([mark(0, 'starting'), mark(10, 'up'), mark(20, 'down')]).map(([, , row]) => row)).toEqual([0, 1, 2]);
});

test('left of its line at the right edge', () => {
  expect(placed([mark(990, 'exit 137')])).toEqual([['exit 137', 904, 0]]);
});

test('an error has its label before a state has; what finds no room is left out', () => {
  const crowd = [...['a', 'b', 'c', 'd', 'e'].map((text) => mark(5, text)), mark(5, 'R14', 'error-code')];
  expect(placed(crowd).map(([text]) => text)).toEqual(['R14', 'a', 'b', 'c']);
});

test('no label covers another, however many', () => {
  const marks = Array.from({ length: 300 }, (_, n) => mark((n * 37) % 1000, 'x'.repeat(1 + (n % 9))));
  const all = placeLabels(marks, width, 1000).map(({ left, row, event: event }) => {
    return { row, left, right: left + width(event.label) };
  });
  for (const one of all)
    for (const other of all)
      if (one !== other && one.row === other.row)
        expect(one.right <= other.left || other.right <= one.left, JSON.stringify([one, other])).toBe(true);
});
