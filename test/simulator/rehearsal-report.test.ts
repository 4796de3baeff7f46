import { expect, test } from 'vitest';
import { inWords, reportOf } from '../../src/simulator/rehearsal/report.ts';
import { table } from '../../src/simulator/rehearsal/table.ts';
import type { Row } from '../../src/simulator/rehearsal/verdict.ts';
import type { LogLine } from '../../src/simulator/view.ts';
import { RehearsalDyno } from './rehearsal-dyno.ts';

const rows: readonly Row[] = [
  { scene: 'boot', what: 'web.1 listens after', figure: '1.2 s', limit: '6.0 s (R10)', verdict: 'good' },
  { scene: 'boot', what: 'web.1 runs', figure: 'shell, puma', limit: '', verdict: 'note' },
  { scene: 'load', what: 'jobs lost', figure: '1', limit: '0', verdict: 'bad' },
];

test('a table has a line for each figure, in columns, and names a scene once', () => {
  expect(table(rows)).toBe(
    [
      'scene  what                 figure       limit        verdict',
      'boot   web.1 listens after  1.2 s        6.0 s (R10)  good',
      '       web.1 runs           shell, puma               note',
      'load   jobs lost            1            0            bad',
    ].join('\n'),
  );
});

test('colours change nothing but colours', () => {
  const coloured = table(rows, true);
  expect(coloured).toContain('\x1b[31mbad\x1b[0m');
  expect(coloured.replaceAll(/\x1b\[\d+m/g, '')).toBe(table(rows)); // eslint-disable-line no-control-regex
});

const line: LogLine = { atMs: 0, source: 'app', from: 'web.1', text: 'a line' };
const good = {
  figures: { scene: 'release', state: 'failed', booted: [], ended: [] },
  tookMs: 12.3,
  log: [line],
} as const;
const bad = { figures: { scene: 'load', stuck: 'no answer' }, tookMs: 1, log: [line] } as const;
const longLine: LogLine = { ...line, text: 'x'.repeat(10_000) };

test('a report keeps the log of what went badly alone', () => {
  const report = reportOf(new RehearsalDyno().view(), [good, bad]);
  expect(report).toMatchObject({ format: 1, verdict: 'bad', timeScale: 10 });
  expect(report.scenes.map(({ scene, verdict, tookMs }) => [scene, verdict, tookMs])).toEqual([
    ['release', 'good', 12],
    ['load', 'bad', 1],
  ]);
  expect(report.scenes.map(({ log }) => log)).toEqual([[], ['1970-01-01T00:00:00.000Z app[web.1]: a line']]);
  const text = inWords(report, false);
  expect(text).toContain('The end of the log of load:\n1970-01-01T00:00:00.000Z app[web.1]: a line\n');
  expect(text).toContain('Stand-ins in /app, all times of the platform 10 times shorter\n');
  expect(text.trimEnd().split('\n').at(-1)).toBe('3 good, 1 bad, 0 notes');
});

test('a report without anything bad is good', () => {
  const report = reportOf(new RehearsalDyno().view(), [good]);
  expect(report.verdict).toBe('good');
  expect(inWords(report, false)).not.toContain('a line');
});

test('of a long line the beginning is shown', () => {
  const [scene] = reportOf(new RehearsalDyno().view(), [{ ...bad, log: [longLine] }]).scenes;
  expect(scene?.log).toEqual([`1970-01-01T00:00:00.000Z app[web.1]: ${'x'.repeat(300)}…`]);
});
