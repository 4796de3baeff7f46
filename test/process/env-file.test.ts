import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigError } from '../../src/exit-status.ts';
import { withEnvFile } from '../../src/process/runtime.ts';
import { tempFolder } from '../harness/dyno.ts';

function envFile(text: string): string {
  const file = join(tempFolder(), '.env');
  writeFileSync(file, text);
  return file;
}

test('adds variables that are not set, and never overrides one, not even an empty one', async () => {
  const file = envFile('A=1\nB=2\nC=3\n');
  const env = { B: 'ours', C: '', D: '4' };
  expect(await withEnvFile(env, file)).toEqual({ A: '1', B: 'ours', C: '', D: '4' });
  expect(env).toEqual({ B: 'ours', C: '', D: '4' });
});

test('changes neither our own environment nor the output', async () => {
  const before = { ...process.env };
  await withEnvFile({}, envFile('MSTDN_SUPERVISE_TEST_ONLY=1\nPATH=/nowhere\n'));
  expect(process.env).toEqual(before);
});

test.each([
  ['', {}],
  ['# nothing\n\n', {}],
  ['A="b c" # why\n', { A: 'b c' }],
  ["A='b\"c'\r\nB=2", { A: 'b"c', B: '2' }],
  ['export A=1\n', { A: '1' }],
  ['A="one\ntwo"\n', { A: 'one\ntwo' }],
  ['A=$HOME\n', { A: '$HOME' }],
  ['A=postgres://u:p=x@h/d?a=b\n', { A: 'postgres://u:p=x@h/d?a=b' }],
])('%j', async (text, env) => {
  expect(await withEnvFile({}, envFile(text))).toEqual(env);
});

test('the error for a file that cannot be read names the file and the reason', async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'folder'));
  for (const [name, reason] of [
    ['none', /ENOENT/],
    ['folder', /EISDIR/],
  ] as const) {
    const file = join(folder, name);
    const error: unknown = await withEnvFile({}, file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toContain(`--env-file ${file}: `);
    expect((error as ConfigError).problems).toEqual([expect.stringMatching(reason)]);
  }
});
