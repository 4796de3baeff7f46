import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const repo = fileURLToPath(new URL('../..', import.meta.url));

function run(script: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, ...args], {
    cwd: repo,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

test.each([
  ['scripts/chaos.js', /--seed S --path P[^]*--docs/],
  ['bench/peers/main.ts', /FIGURE +start, rest,[^]*--docs/],
  ['scripts/debian.js', /SUITE \[vitest arguments\][^]*DEBIAN_MIRROR/],
])('%s --help prints all options, and does nothing', (script, expected) => {
  const { status, output } = run(script, '--help');
  expect([status, output]).toEqual([0, expect.stringMatching(expected)]);
});

test.each([
  ['scripts/chaos.js', '--runs x', '--runs x: expected a whole number'],
  ['scripts/chaos.js', '--path 3', '--path: expected --seed too'],
  ['scripts/chaos.js', '--docs --runs 500', '--docs: expected --runs 2000 or more'],
  ['scripts/chaos.js', '--docs --runs 10000 --seed 1 --path 3', 'no --path'],
  ['scripts/chaos.js', '--fast', "'--fast'"],
  ['bench/peers/main.ts', 'speed', 'figure speed: expected one of start,'],
  ['bench/peers/main.ts', '--docs --quick', '--docs: expected all rounds'],
  ['scripts/debian.js', '', 'SUITE is missing: expected the code name of a Debian release, such as trixie'],
  ['scripts/debian.js', '../etc', 'SUITE ../etc: expected the code name of a Debian release'],
])('%s %s prints one line with what was expected, exits with 64, and does nothing', (script, args, expected) => {
  const { status, output } = run(script, ...args.split(' '));
  expect([status, output.trim().split('\n')]).toEqual([64, [expect.stringContaining(expected)]]);
});
