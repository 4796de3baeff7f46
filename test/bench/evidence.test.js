import { readFileSync } from 'node:fs';
import prettier from 'prettier';
import { expect, test } from 'vitest';
import { jobsLost, wholeDyno } from '../../scripts/bench/pictures.js';
import { shortTable } from '../../scripts/bench/short.js';

const read = (path) => readFileSync(path, 'utf8');
const evidence = JSON.parse(read('docs/evidence.json'));

test('the short table of the README is of the recorded run', async () => {
  const style = await prettier.resolveConfig('README.md');
  const table = await prettier.format(shortTable(evidence), { ...style, filepath: 'README.md' });
  expect(read('README.md')).toContain(`<!-- bench short -->\n\n${table}\n<!-- /bench -->`);
});

test.each([
  ['jobs-lost.svg', jobsLost(evidence.restarts.data)],
  ['whole-dyno.svg', wholeDyno(evidence.whole.data)],
])('%s is drawn from the recorded run', (name, svg) => {
  expect(read(`docs/images/${name}`)).toBe(svg);
});

test.each(Object.entries(evidence))('what is recorded of %s is of all rounds', (_, { place }) => {
  expect(place).toMatchObject({ isQuick: false, date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
});

test.each(['README.md', 'docs/evidence.md'])('%s has no place left that was to be filled', (name) => {
  expect(read(name)).not.toMatch(/@@\w*|TODO/);
});
