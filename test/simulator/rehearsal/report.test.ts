import { expect, test } from 'vitest';
import { formatReport, createReport, formatTable } from '../../../src/simulator/rehearsal/report.ts';
import type { Row } from '../../../src/simulator/rehearsal/verdict.ts';
import type { LogLine } from '../../../src/simulator/simulation.ts';
import { FakeDyno } from './fake-dyno.ts';

const rows: readonly Row[] = [
  { scenario: 'boot', what: 'web.1 listens after', figure: '1.2 s', limit: '6.0 s (R10)', verdict: 'good' },
  { scenario: 'boot', what: 'web.1 runs', figure: 'shell, puma', limit: '', verdict: 'note' },
  { scenario: 'load', what: 'jobs lost', figure: '1', limit: '0', verdict: 'bad' },
];

test('a table has a line for each figure, in columns, and names a scenario once', () => {
  expect(formatTable(rows)).toBe(
    [
      'scenario  what                 figure       limit        verdict',
      'boot      web.1 listens after  1.2 s        6.0 s (R10)  good',
      '          web.1 runs           shell, puma               note',
      'load      jobs lost            1            0            bad',
    ].join('\n'),
  );
});

test('colours change nothing but colours', () => {
  const coloured = formatTable(rows, true);
  expect(coloured).toContain('\x1b[31mbad\x1b[0m');
  expect(coloured.replaceAll(/\x1b\[\d+m/g, '')).toBe(formatTable(rows)); // eslint-disable-line no-control-regex
});

const line: LogLine = { atMs: 0, source: 'app', from: 'web.1', text: 'a line' };
const good = {
  figures: { scenario: 'release', state: 'failed', booted: [], ended: [] },
  tookMs: 12.3,
  log: [line],
} as const;
const bad = { figures: { scenario: 'load', failed: 'no answer' }, tookMs: 1, log: [line] } as const;
const longLine: LogLine = { ...line, text: 'x'.repeat(10_000) };

test('a report keeps the log of what went badly alone', () => {
  const report = createReport(new FakeDyno().view(), [good, bad]);
  expect(report).toMatchObject({ format: 1, verdict: 'bad', timeScale: 10 });
  expect(report.scenarios.map(({ scenario, verdict, tookMs }) => [scenario, verdict, tookMs])).toEqual([
    ['release', 'good', 12],
    ['load', 'bad', 1],
  ]);
  expect(report.scenarios.map(({ log }) => log)).toEqual([[], ['1970-01-01T00:00:00.000Z app[web.1]: a line']]);
  const text = formatReport(report, false);
  expect(text).toContain('The end of the log of load:\n1970-01-01T00:00:00.000Z app[web.1]: a line\n');
  expect(text).toContain('Stand-ins in /app, all times of the platform 10 times shorter\n');
  expect(text.trimEnd().split('\n').at(-1)).toBe('3 good, 1 bad, 0 notes');
});

test('a report without anything bad is good', () => {
  const report = createReport(new FakeDyno().view(), [good]);
  expect(report.verdict).toBe('good');
  expect(formatReport(report, false)).not.toContain('a line');
});

test('of a long line the beginning is shown', () => {
  const [scenario] = createReport(new FakeDyno().view(), [{ ...bad, log: [longLine] }]).scenarios;
  expect(scenario?.log).toEqual([`1970-01-01T00:00:00.000Z app[web.1]: ${'x'.repeat(300)}…`]);
});
