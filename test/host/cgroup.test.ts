import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readCgroups } from '../../src/host/cgroup.ts';
import type { MemoryFacts } from '../../src/host/host.ts';
import { tempFolder } from '../harness/dyno.ts';

type Tree = Readonly<Record<string, string>>;
const MEMINFO =
  'MemTotal:       16384000 kB\nMemFree:  1 kB\nSwapCached: 0 kB\nSwapTotal:       1024 kB\nSwapFree: 4 kB\n';

/** What is read of a machine with these files below proc/ and cgroup/; FOLDER stands for a folder in a file's place. */
function read(tree: Tree): MemoryFacts {
  const root = tempFolder();
  for (const [path, text] of Object.entries(tree)) {
    const file = join(root, path);
    mkdirSync(text === 'FOLDER' ? file : dirname(file), { recursive: true });
    if (text !== 'FOLDER') writeFileSync(file, text);
  }
  const roots = { proc: join(root, 'proc'), cgroup: join(root, 'cgroup') };
  const facts = readCgroups(roots);
  return {
    ...facts,
    cgroups: facts.cgroups.map(({ cgroup, ...texts }) => {
      return { ...texts, cgroup: { ...cgroup, folder: cgroup.folder.replace(root, '') } };
    }),
  };
}

/** In short: the folder, and the texts of max, high and swap. */
function limits(tree: Tree): string[] {
  return read(tree).cgroups.map(
    ({ cgroup, max, high, swap }) => `v${cgroup.version} ${cgroup.folder} ${max} ${high} ${swap}`,
  );
}

const V2 = { 'cgroup/cgroup.controllers': 'cpu memory\n' };

test.each<[string, Tree, string[]]>([
  ['nothing at all', {}, []],
  [
    'version 2, own folder and those above it',
    {
      ...V2,
      'proc/self/cgroup': '0::/a/b\n',
      'cgroup/a/b/memory.max': 'max\n',
      'cgroup/a/b/memory.high': '100\n',
      'cgroup/a/b/memory.swap.max': '0\n',
      'cgroup/a/memory.max': '536870912\n',
      'cgroup/memory.stat': 'file 1\n',
      'cgroup/other/memory.max': '1\n',
    },
    ['v2 /cgroup/a/b max 100 0', 'v2 /cgroup/a 536870912 null null'],
  ],
  [
    'version 2 in a namespace of its own: the mount is our folder',
    { ...V2, 'proc/self/cgroup': '0::/\n', 'cgroup/memory.max': '5\n', 'cgroup/memory.high': 'max\n' },
    ['v2 /cgroup 5 max null'],
  ],
  [
    'version 2, told the path of the machine, seeing its own part alone',
    { ...V2, 'proc/self/cgroup': '0::/docker/0123\n', 'cgroup/memory.max': '5\n' },
    ['v2 /cgroup 5 null null'],
  ],
  [
    'version 2, a path that leads out of what it sees: never a folder outside the mount',
    { ...V2, 'proc/self/cgroup': '0::/../../proc\n', 'cgroup/memory.max': '5\n', 'proc/memory.max': '6\n' },
    ['v2 /cgroup 5 null null'],
  ],
  [
    'version 1, memory by itself',
    {
      'proc/self/cgroup': '9:name=systemd:/s\n4:memory:/a/b\n1:cpu:/c\n',
      'cgroup/memory/a/b/memory.limit_in_bytes': '5\n',
      'cgroup/memory/a/b/memory.memsw.limit_in_bytes': '10\n',
      'cgroup/memory/a/memory.limit_in_bytes': '6\n',
      'cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'cgroup/memory/s/memory.limit_in_bytes': '7\n',
      'cgroup/memory/c/memory.limit_in_bytes': '7\n',
    },
    [
      'v1 /cgroup/memory/a/b 5 null 10',
      'v1 /cgroup/memory/a 6 null null',
      'v1 /cgroup/memory 9223372036854771712 null null',
    ],
  ],
  [
    'version 1, memory among others',
    { 'proc/self/cgroup': '4:cpu,memory,pids:/a\n', 'cgroup/memory/a/memory.limit_in_bytes': '5\n' },
    ['v1 /cgroup/memory/a 5 null null'],
  ],
  [
    'version 1 in a container: the mount is our folder',
    { 'proc/self/cgroup': '4:memory:/docker/0123\n', 'cgroup/memory/memory.limit_in_bytes': '5\n' },
    ['v1 /cgroup/memory 5 null null'],
  ],
  [
    'hybrid: version 2 without memory, version 1 with it',
    {
      'proc/self/cgroup': '4:memory:/a\n0::/b\n',
      'cgroup/unified/cgroup.controllers': '\n',
      'cgroup/unified/b/cgroup.procs': '1\n',
      'cgroup/memory/a/memory.limit_in_bytes': '5\n',
    },
    ['v1 /cgroup/memory/a 5 null null'],
  ],
  [
    'hybrid: memory in version 2',
    {
      'proc/self/cgroup': '1:name=systemd:/s\n0::/b\n',
      'cgroup/unified/cgroup.controllers': 'memory\n',
      'cgroup/unified/b/memory.max': '5\n',
    },
    ['v2 /cgroup/unified/b 5 null null'],
  ],
  [
    'a colon, a blank and the word memory in a path',
    { ...V2, 'proc/self/cgroup': '1:name=x:/4:memory:/z\n0::/a:b c\n', 'cgroup/a:b c/memory.max': '5\n' },
    ['v2 /cgroup/a:b c 5 null null'],
  ],
  [
    'a folder in the place of a file, an empty file: as if they were not there',
    { ...V2, 'proc/self/cgroup': '0::/a\n', 'cgroup/a/memory.max': 'FOLDER', 'cgroup/a/memory.high': '' },
    [],
  ],
  [
    'what is no number is handed on as it is',
    { ...V2, 'proc/self/cgroup': '0::/\n', 'cgroup/memory.max': 'a lot\n' },
    ['v2 /cgroup a lot null null'],
  ],
  ...['', 'x', '0:', '0::', '0::a', ':::', '4:memory', '4:memory:', '4:memories:/', '\0\n0::\n'].map(
    (text): [string, Tree, string[]] => [
      `the list of our cgroups is ${JSON.stringify(text)}`,
      { ...V2, 'proc/self/cgroup': text, 'cgroup/memory.max': '5\n', 'cgroup/memory/memory.limit_in_bytes': '6\n' },
      [],
    ],
  ),
])('%s', (_, tree, expected) => {
  expect(limits(tree)).toEqual(expected);
});

test('a list of cgroups that is longer than one read', () => {
  const list = `${Array.from({ length: 300 }, (_, index) => `${index + 10}:name=n${index}:/none`).join('\n')}\n0::/a\n`;
  expect(limits({ ...V2, 'proc/self/cgroup': list, 'cgroup/a/memory.max': '5\n' })).toEqual([
    'v2 /cgroup/a 5 null null',
  ]);
});

test.each<[string, string, number | null, number | null]>([
  ['memory and swap', MEMINFO, 16_384_000 * 1024, 1024 * 1024],
  ['no swap', 'MemTotal: 8 kB\nSwapTotal: 0 kB\n', 8192, 0],
  ['swap alone', 'SwapTotal: 8 kB\n', null, 8192],
  ['no numbers', 'MemTotal: x kB\nSwapTotal:\n', null, null],
  ['nothing', '', null, null],
])('the machine has: %s', (_, text, memTotalBytes, swapTotalBytes) => {
  expect(read({ 'proc/meminfo': text })).toMatchObject({ memTotalBytes, swapTotalBytes });
});

test('this machine says how much memory it has', () => {
  const facts = readCgroups();
  expect(facts.memTotalBytes).toBeGreaterThan(2 ** 24);
  expect(facts.swapTotalBytes).toBeGreaterThanOrEqual(0);
  for (const { cgroup } of facts.cgroups) expect(cgroup.folder).toMatch(/^\/sys\/fs\/cgroup/);
});
