import { expect, test } from 'vitest';
import {
  MAX_EVENTS,
  History,
  MAX_LINES,
  sampleOf,
  SAMPLES_MS,
  MAX_TEXT,
} from '../../../src/simulator/web/page-events.ts';
import type { LogLine } from '../../../src/simulator/simulation.ts';
import { aDyno, aProcess, aRun, aView, MB, START_MS } from '../fake-simulation.ts';

const line = (text: string): LogLine => ({ atMs: START_MS, source: 'app', from: 'web.1', text });

test('a sample has the memory of each run by label, those with one label together', () => {
  const processes = [
    aProcess({ label: 'puma', bytes: 50 * MB }),
    aProcess({ label: 'puma worker', depth: 1, bytes: 100 * MB }),
    aProcess({ label: 'puma worker', depth: 1, bytes: 110 * MB }),
    aProcess({ label: 'convert', bytes: null }),
  ];
  const dyno = aDyno({ runs: [aRun({ id: 2, processes }), aRun({ id: 1, processes: [], bytes: null })] });
  expect(sampleOf({ ...aView(), dynos: [dyno] })).toEqual({
    atMs: START_MS,
    dynos: {
      'web.1': {
        quotaBytes: 512 * MB,
        runs: [
          { id: 2, bytes: 260 * MB, labels: { puma: 50 * MB, 'puma worker': 210 * MB } },
          { id: 1, bytes: null, labels: {} },
        ],
      },
    },
  });
});

test('a dyno that starts a hundred programs has nine lines: the ninth is what the others take', () => {
  const processes = Array.from({ length: 100 }, (_, n) => aProcess({ label: `program ${n}`, bytes: MB }));
  const labels = sampleOf({ ...aView(), dynos: [aDyno({ runs: [aRun({ processes })] })] }).dynos['web.1']?.runs[0]
    ?.labels;
  expect(Object.keys(labels ?? {})).toHaveLength(9);
  expect(labels?.other).toBe(92 * MB);
});

test('a sample a second, of the last half an hour', () => {
  const history = new History();
  const seconds = 2 * (SAMPLES_MS / 1000);
  for (let tick = 0; tick < seconds * 4; tick++) history.sample({ ...aView(), atMs: START_MS + tick * 250 });
  const { samples } = history.snapshot(aView());
  const last = samples.at(-1)?.atMs ?? 0;
  expect(last).toBe(START_MS + (seconds - 1) * 1000);
  expect(samples).toHaveLength(SAMPLES_MS / 1000 + 1);
  expect(samples[0]?.atMs).toBe(last - SAMPLES_MS);
});

test('measurements that come a little early count', () => {
  const history = new History();
  const taken = [0, 950, 1800, 1900, 2850].map((ms) => history.sample({ ...aView(), atMs: START_MS + ms }) !== null);
  expect(taken).toEqual([true, true, false, true, true]);
});

test('the last lines and events only, and of a long line its beginning', () => {
  const history = new History();
  for (let n = 0; n < MAX_LINES + 10; n++) history.line(line(`line ${n}`));
  for (let n = 0; n < MAX_EVENTS + 10; n++)
    history.event({ atMs: n, dyno: null, kind: 'action', label: `mark ${n}`, text: '' });
  const cut = history.line(line('x'.repeat(10_000)));
  const { lines, events: events } = history.snapshot(aView());
  expect(lines).toHaveLength(MAX_LINES);
  expect(lines[0]?.text).toBe('line 11');
  expect(lines.at(-1)).toEqual(cut);
  expect(cut.text).toBe(`${'x'.repeat(MAX_TEXT)}…`);
  expect(events).toHaveLength(MAX_EVENTS);
  expect(events[0]?.label).toBe('mark 10');
});
