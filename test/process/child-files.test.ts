import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeSocketFolder, removeIfPossible } from '../../src/process/child-files.ts';
import { tempFolder } from '../harness/dyno.ts';

test('only the owner may enter the folder, whatever the umask', () => {
  const before = process.umask(0);
  try {
    const folder = join(tempFolder(), 'private');
    makeSocketFolder(folder);
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
  } finally {
    process.umask(before);
  }
});

test('an existing path is an error', () => {
  const folder = tempFolder();
  symlinkSync(folder, join(folder, 'link'));
  for (const name of ['.', 'link']) expect(() => makeSocketFolder(join(folder, name))).toThrow(/EEXIST/);
});

test('the folder is removed with its content, and removing it twice is no error', () => {
  const folder = join(tempFolder(), 'private');
  makeSocketFolder(folder);
  mkdirSync(join(folder, 'more'));
  writeFileSync(join(folder, 'more/file'), '');
  removeIfPossible(folder, true);
  removeIfPossible(folder, true);
  expect(existsSync(folder)).toBe(false);
});

test('a socket is removed, a missing one is no error, and a folder of that name stays', () => {
  const folder = tempFolder();
  const socket = join(folder, 'a.sock');
  writeFileSync(socket, '');
  removeIfPossible(socket);
  removeIfPossible(socket);
  removeIfPossible(folder);
  expect([existsSync(socket), existsSync(folder)]).toEqual([false, true]);
});
