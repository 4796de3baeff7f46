import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { limitsOfThisMachine } from '../../src/host/limits.ts';
import { parentDeathPrefix } from '../../src/host/parent-death.ts';
import { tempFolder } from '../harness/dyno.ts';
import { Family } from './family.ts';

function folderWith(name: string, text: string, mode = 0o755): string {
  const folder = tempFolder();
  writeFileSync(join(folder, name), text, { mode });
  return folder;
}

const able = '#!/bin/sh\n# --pdeathsig\n';
const unable = '#!/bin/sh\necho "setpriv: unrecognized option" >&2\nexit 1\n';

test('the words are the real setpriv, by its path', () => {
  const path = execFileSync('sh', ['-c', 'command -v setpriv'], { encoding: 'utf8' }).trim();
  expect(parentDeathPrefix(process.env.PATH)).toEqual([path, '--pdeathsig', 'TERM', '--']);
});

test('no words without setpriv, or with one that cannot', () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'setpriv'));
  for (const path of [tempFolder(), folder, folderWith('setpriv', unable), folderWith('setpriv', able, 0o644), '/no']) {
    expect(parentDeathPrefix(path)).toEqual([]);
  }
});

test('the first setpriv of PATH counts, since it is the one that would run', () => {
  const [good, bad] = [folderWith('setpriv', able), folderWith('setpriv', unable)];
  expect(parentDeathPrefix([bad, good].join(delimiter))).toEqual([]);
  expect(parentDeathPrefix([good, bad].join(delimiter))[0]).toBe(join(good, 'setpriv'));
});

test('a child gets TERM when its parent is SIGKILLed', async () => {
  const family = new Family();
  const told = `$SIG{TERM} = sub { open F, ">", "termed"; exit }; open P, ">", "child.pid"; print P $$; close P; sleep 1000 while 1`;
  const parent = family.start(`${parentDeathPrefix(process.env.PATH).join(' ')} perl -e '${told}'; :`);
  const pid = await family.pid('child', `perl -e ${told}`);
  parent.signal('SIGKILL');
  await family.gone(pid);
  expect(family.has('termed')).toBe(true);
});

test('the boot log says what this machine lacks, with the remedy', () => {
  expect(limitsOfThisMachine(parentDeathPrefix(process.env.PATH).length > 0)).toEqual([]);
  expect(limitsOfThisMachine(parentDeathPrefix(folderWith('setpriv', unable)).length > 0)).toEqual([
    expect.stringMatching(/setpriv.*util-linux.*SIGKILL/),
  ]);
});
