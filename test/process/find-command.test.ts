import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { toExitCode } from '../../src/exit-status.ts';
import { findCommand } from '../../src/process/find-command.ts';
import { spawnChild } from '../../src/process/spawn.ts';
import { tempFolder } from '../harness/dyno.ts';

let folder: string;

beforeEach(() => {
  folder = tempFolder();
  for (const name of ['a', 'b', 'c', 'c/tool', 'd']) mkdirSync(join(folder, name));
  for (const name of ['a/tool', 'b/tool', 'here', 'b/only-b', 'a/only-a']) program(name);
  for (const name of ['a/tool', 'a/only-a']) chmodSync(join(folder, name), 0o644);
  symlinkSync('../b/tool', join(folder, 'd/linked'));
  symlinkSync('nothing', join(folder, 'd/dangling'));
  symlinkSync('loop', join(folder, 'd/loop'));
  symlinkSync('../a/tool', join(folder, 'd/only-a'));
});

function program(name: string): void {
  writeFileSync(join(folder, name), '#!/bin/sh\nexit 42\n', { mode: 0o755 });
}

/** 0 when the command is found, else 126 or 127. */
function codeOf(name: string, path: string | undefined): number {
  const found = findCommand(name, path, folder);
  return 'path' in found ? 0 : toExitCode({ kind: 'not-started', error: found.error });
}

/** The exit codes of bash for each command; 0 for one that ran (its own code is 42). */
function bashCodes(names: readonly string[], path: string): number[] {
  const script = `cd "$1"; PATH="$2"; shift 2; for name; do "$name" 2>/dev/null; echo $?; done`;
  const output = execFileSync('/bin/bash', ['-c', script, 'bash', folder, path, ...names], { encoding: 'utf8' });
  return output
    .trim()
    .split('\n')
    .map((code) => (code === '42' ? 0 : Number(code)));
}

const names = ['tool', 'only-a', 'only-b', 'linked', 'dangling', 'loop', 'here', 'none', '', './here', './b/tool'];
const slashes = ['b/tool', 'a/tool', './a/tool', './c', 'c/tool', 'd/linked', './d/dangling', './none', 'none/x'];
const paths = ['A:B', 'B:A', 'A', 'b', 'A:b:', ':A', 'A::B', 'C:B', 'C', 'D:A', '', 'none:B', './a:./b', 'here:B', 'd'];

test.each(paths)('finds the same commands as a shell with PATH=%s', (short) => {
  const path = short.replaceAll(/[A-D]/g, (letter) => join(folder, letter.toLowerCase()));
  const all = [...names, ...slashes];
  const codes = bashCodes(all, path);
  const ours = all.map((name) => ({ name, code: codeOf(name, path) }));
  expect(ours).toEqual(all.map((name, index) => ({ name, code: codes[index] })));
});

test('finds the file that a child with that PATH runs', async () => {
  program('d/tool');
  for (const path of ['b', 'a:b', `${join(folder, 'd')}:b`, ':a']) {
    for (const name of ['tool', 'linked', 'only-b', 'here']) {
      const found = findCommand(name, path, folder);
      const { exited } = spawnChild([name], { env: { PATH: path }, folder, output: 'inherit' });
      expect({ path, name, ran: toExitCode(await exited) === 42 }).toEqual({ path, name, ran: 'path' in found });
    }
  }
});

test.each([
  ['b', 'tool', 'b/tool'],
  ['a:b', 'tool', 'b/tool'],
  ['', 'here', 'here'],
  ['d', 'linked', 'd/linked'],
  ['none', './b/tool', 'b/tool'],
])('PATH=%s %s is %s', (path, name, file) => {
  expect(findCommand(name, path, folder)).toEqual({ path: join(folder, file) });
});

test('an absolute path is returned as it is, with or without PATH', () => {
  const tool = join(folder, 'b/tool');
  expect(findCommand(tool, undefined, '/')).toEqual({ path: tool });
});

test('without PATH it searches the default folders of execvp', () => {
  expect(findCommand('sh', undefined, folder)).toHaveProperty('path');
  expect(codeOf('here', undefined)).toBe(127);
});

test('the error names the problem and the file', () => {
  expect(findCommand('none', 'b', folder)).toMatchObject({ error: { message: 'command not found: none' } });
  const tool = join(folder, 'a/tool');
  expect(findCommand('tool', 'a:d', folder)).toMatchObject({ error: { message: `not executable: ${tool}` } });
});

test('a path for which stat fails is not found, and no exception', () => {
  const invalid = [
    'to\0ol',
    './to\0ol',
    'd/loop',
    'here/x',
    '..',
    'x'.repeat(300),
    `./${'x'.repeat(300)}`,
    `./${'x/'.repeat(3000)}`,
  ];
  for (const name of invalid) expect(codeOf(name, 'b')).toBe(127);
});
