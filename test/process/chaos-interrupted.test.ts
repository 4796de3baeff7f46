import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startDyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';

const repo = fileURLToPath(new URL('../..', import.meta.url));

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('scenarios that a %s interrupts leave nothing behind', async (signal, code) => {
  const { TMPDIR = '/tmp' } = process.env; // of this run, short enough for sockets
  const command = [
    process.execPath,
    '--import',
    'tsx',
    'scripts/chaos.js',
    '--runs',
    '60',
    '--seed',
    '7',
    '--at-once',
    '3',
  ] as const;
  const chaos = startDyno({ command, cwd: repo, env: { TMPDIR } });
  await chaos.waitForOutput(/^60 scenarios of seed 7/m);
  await eventually(() => expect(chaos.scan().length).toBeGreaterThan(4));
  chaos.signal(signal);
  expect(await chaos.exited).toEqual({ code, signal: null });
  await chaos.gone();
  expect(readdirSync(TMPDIR).filter((name) => name.startsWith('mst-'))).toEqual([]);
});
