import { readFileSync } from 'node:fs';
import prettier from 'prettier';
import { expect, test } from 'vitest';
import { jobsLostChart, wholeDynoChart } from '../../bench/peers/images.ts';
import { summaryTable } from '../../bench/peers/summary-table.ts';
import type { Evidence } from '../../bench/peers/summary-table.ts';
import type { WholeDynoFigures } from '../../bench/memory/scenarios/whole.ts';
import type { Restarts } from '../../bench/peers/restarts/summary.ts';

/** The recorded evidence has every figure. */
type Recorded = Evidence & {
  restarts: { data: Record<string, Restarts> };
  whole: { data: Record<string, WholeDynoFigures> };
};

const read = (path: string) => readFileSync(path, 'utf8');
const evidence = JSON.parse(read('docs/evidence.json')) as Recorded;

test('the summary table of the README shows the recorded run', async () => {
  const style = await prettier.resolveConfig('README.md');
  const table = await prettier.format(summaryTable(evidence), { ...style, filepath: 'README.md' });
  expect(read('README.md')).toContain(`<!-- bench short -->\n\n${table}\n<!-- /bench -->`);
});

test.each([
  ['jobs-lost.svg', jobsLostChart(evidence.restarts.data)],
  ['whole-dyno.svg', wholeDynoChart(evidence.whole.data)],
])('%s shows the recorded run', (name, svg) => {
  expect(read(`docs/images/${name}`)).toBe(svg);
});

test.each(Object.entries(evidence))('the recorded %s has all rounds', (_, { place }) => {
  expect(place).toMatchObject({ isQuick: false, date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string });
});

test.each(['README.md', 'docs/evidence.md'])('%s has no placeholder', (name) => {
  expect(read(name)).not.toMatch(/@@\w*|TODO/);
});
