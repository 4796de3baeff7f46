import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const repo = fileURLToPath(new URL('../..', import.meta.url));

function run(script: string, ...words: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, ...words], {
    cwd: repo,
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr };
}

test.each([
  ['scripts/chaos.js', /--seed S --path P[^]*--docs/],
  ['bench/peers/main.ts', /FIGURE +start, rest,[^]*--docs/],
  ['scripts/debian.js', /SUITE \[vitest arguments\][^]*DEBIAN_MIRROR/],
])('%s --help tells all options, and does nothing', (script, told) => {
  const { status, said } = run(script, '--help');
  expect([status, said]).toEqual([0, expect.stringMatching(told)]);
});

test.each([
  ['scripts/chaos.js', '--runs x', '--runs x: expected a whole number'],
  ['scripts/chaos.js', '--path 3', '--path: expected --seed too'],
  ['scripts/chaos.js', '--docs --runs 500', '--docs: expected --runs 10000 or more'],
  ['scripts/chaos.js', '--docs --runs 10000 --seed 1 --path 3', 'no --path'],
  ['scripts/chaos.js', '--fast', "'--fast'"],
  ['bench/peers/main.ts', 'speed', 'figure speed: expected one of start,'],
  ['bench/peers/main.ts', '--docs --quick', '--docs: expected all rounds'],
  ['scripts/debian.js', '', 'SUITE is missing: expected the code name of a Debian release, such as trixie'],
  ['scripts/debian.js', '../etc', 'SUITE ../etc: expected the code name of a Debian release'],
])('%s %s: one line that says what was expected, 64, and nothing is done', (script, words, expected) => {
  const { status, said } = run(script, ...words.split(' '));
  expect([status, said.trim().split('\n')]).toEqual([64, [expect.stringContaining(expected)]]);
});
