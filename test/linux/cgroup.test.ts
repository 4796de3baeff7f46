import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { MemoryFacts } from '../../src/host.ts';
import { readMemoryFacts, readCgroupUsage } from '../../src/linux/cgroup.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { skipOrFail } from '../harness/skip-or-fail.ts';
import { ProcessScenario } from '../process/process-scenario.ts';

type Tree = Readonly<Record<string, string>>;
const MEMINFO =
  'MemTotal:       16384000 kB\nMemFree:  1 kB\nSwapCached: 0 kB\nSwapTotal:       1024 kB\nSwapFree: 4 kB\n';

/** The facts about a machine with these files in proc/ and cgroup/. The text FOLDER makes a folder instead of a file. */
function read(tree: Tree): MemoryFacts {
  const root = tempFolder();
  for (const [path, text] of Object.entries(tree)) {
    const file = join(root, path);
    mkdirSync(text === 'FOLDER' ? file : dirname(file), { recursive: true });
    if (text !== 'FOLDER') writeFileSync(file, text);
  }
  const roots = { proc: join(root, 'proc'), cgroup: join(root, 'cgroup') };
  const facts = readMemoryFacts(roots);
  return {
    ...facts,
    cgroups: facts.cgroups.map(({ cgroup, ...texts }) => {
      return { ...texts, cgroup: { ...cgroup, folder: cgroup.folder.replace(root, '') } };
    }),
  };
}

/** One line per cgroup: the folder, and the texts of max, high and swap. */
function limits(tree: Tree): string[] {
  return read(tree).cgroups.map(
    ({ cgroup, max, high, swap }) => `v${cgroup.version} ${cgroup.folder} ${max} ${high} ${swap}`,
  );
}

const V2 = { 'cgroup/cgroup.controllers': 'cpu memory\n' };

test.each<[string, Tree, string[]]>([
  ['no files', {}, []],
  [
    'version 2: own folder and its ancestors',
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
    'version 2 in a container with the path on the host: the mount is our folder',
    { ...V2, 'proc/self/cgroup': '0::/docker/0123\n', 'cgroup/memory.max': '5\n' },
    ['v2 /cgroup 5 null null'],
  ],
  [
    'version 2 with a path that leads out of the mount: the mount is our folder',
    { ...V2, 'proc/self/cgroup': '0::/../../proc\n', 'cgroup/memory.max': '5\n', 'proc/memory.max': '6\n' },
    ['v2 /cgroup 5 null null'],
  ],
  [
    'version 1, memory in its own hierarchy',
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
    'version 1, memory in a shared hierarchy',
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
    'a folder instead of a file, and an empty file, count as missing',
    { ...V2, 'proc/self/cgroup': '0::/a\n', 'cgroup/a/memory.max': 'FOLDER', 'cgroup/a/memory.high': '' },
    [],
  ],
  [
    'a text that is no number is returned unchanged',
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
])('memory of the machine: %s', (_, text, memTotalBytes, swapTotalBytes) => {
  expect(read({ 'proc/meminfo': text })).toMatchObject({ memTotalBytes, swapTotalBytes });
});

test('the memory of this machine is known', () => {
  const facts = readMemoryFacts();
  expect(facts.memTotalBytes).toBeGreaterThan(2 ** 24);
  expect(facts.swapTotalBytes).toBeGreaterThanOrEqual(0);
  for (const { cgroup } of facts.cgroups) expect(cgroup.folder).toMatch(/^\/sys\/fs\/cgroup/);
});

const MB = 2 ** 20;
const STAT2 = 'anon 70\nfile 90\nshmem 10\ninactive_file 20\nactive_file 30\nslab_reclaimable 5\nslab 9\n';
const STAT1 =
  'cache 9\ninactive_file 1\nactive_file 1\nswap 1\ntotal_inactive_file 20\ntotal_active_file 30\ntotal_swap 7\n';

/** The usage of a cgroup with these files. An empty text removes the file. */
function usage(version: 1 | 2, files: Record<string, string>, folder = tempFolder()): number | null {
  for (const [name, text] of Object.entries(files)) {
    if (text === '') rmSync(join(folder, name), { force: true });
    else writeFileSync(join(folder, name), text);
  }
  return readCgroupUsage({ version, folder });
}

test.each<[string, string, string, string, number | null]>([
  ['all files', '200\n', STAT2, '7\n', 200 - 55 + 7],
  ['no swap accounting', '200\n', STAT2, '', 200 - 55],
  ['no slab figure', '200\n', 'inactive_file 20\nactive_file 30\n', '0\n', 150],
  ['cached files only', '55\n', STAT2, '0\n', 0],
  ['less than the cached files', '54\n', STAT2, '0\n', null],
  ['no figure', '', STAT2, '0\n', null],
  ['a text as figure', 'max\n', STAT2, '0\n', null],
  ['a negative figure', '-200\n', STAT2, '0\n', null],
  ['an impossibly large figure', '9223372036854771712\n', STAT2, '0\n', null],
  ['a text as swap', '200\n', STAT2, 'some\n', null],
  ['no stat', '200\n', '', '0\n', null],
  ['half a stat', '200\n', 'inactive_file 20\n', '0\n', null],
  ['a row without a figure', '200\n', 'inactive_file \nactive_file 30\n', '0\n', null],
  ['labels with the same start', '200\n', 'inactive_file_x 2\nxinactive_file 20\nactive_file 30\n', '0\n', null],
])('version 2, %s', (_, current, stat, swap, bytes) => {
  expect(usage(2, { 'memory.current': current, 'memory.stat': stat, 'memory.swap.current': swap })).toBe(bytes);
});

test.each<[string, string, string, number | null]>([
  ['all files: the totals count', '200\n', STAT1, 200 - 50 + 7],
  ['no swap accounting', '200\n', STAT1.replace('total_swap 7\n', ''), 150],
  ['no totals', '200\n', 'inactive_file 1\nactive_file 1\n', null],
  ['less than the cached files', '42\n', STAT1, null],
  ['no figure', '', STAT1, null],
  ['a text as swap', '200\n', STAT1.replace('swap 7', 'swap seven'), null],
])('version 1, %s', (_, all, stat, bytes) => {
  expect(usage(1, { 'memory.usage_in_bytes': all, 'memory.stat': stat })).toBe(bytes);
});

test('any text gives null or a number of bytes, and no exception', () => {
  const row = fc.tuple(
    fc.constantFrom('inactive_file', 'active_file', 'total_inactive_file', 'total_active_file', 'total_swap', 'swap'),
    fc.oneof(fc.nat().map(String), fc.string(), fc.constant('-1')),
  );
  const stat = fc.oneof(
    fc.array(row.map((words) => words.join(' '))).map((rows) => rows.join('\n')),
    fc.string(),
  );
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.nat().map(String));
  const folder = tempFolder();
  fc.assert(
    fc.property(text, stat, text, (all, rows, swap) => {
      const files = { 'memory.current': all, 'memory.usage_in_bytes': all, 'memory.stat': rows };
      for (const version of [1, 2] as const) {
        const bytes = usage(version, { ...files, 'memory.swap.current': swap }, folder);
        expect(bytes === null || (Number.isSafeInteger(bytes) && bytes >= 0)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test('no files at all', () => {
  expect([usage(1, {}), usage(2, {})]).toEqual([null, null]);
});

test('a memory.stat that is longer than one read', () => {
  const stat = `${'workingset_refault_anon 0\n'.repeat(400)}${STAT2}`;
  expect(usage(2, { 'memory.current': '200\n', 'memory.stat': stat })).toBe(145);
});

/** Makes a real cgroup below ours; null when that is not permitted. */
function makeCgroup(): { version: 1 | 2; folder: string } | null {
  const parent = readMemoryFacts().cgroups[0]?.cgroup;
  if (parent === undefined) return null;
  const folder = join(parent.folder, `mstdn-supervise-test-${process.pid}`);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  onTestFinished(() => eventually(() => rmdirSync(folder)));
  return { version: parent.version, folder };
}

/** Shell: waits for the file `go`, then allocates 40 MB. */
const ALLOCATES = `while [ ! -e go ]; do sleep 0.01; done
exec perl -e '$x = "x" x ${40 * MB}; open P, ">", "perl.pid"; print P $$; close P; sleep 1000'`;

test('the usage of a real cgroup includes the memory of a process in it', async ({ skip }) => {
  const cgroup = makeCgroup();
  if (cgroup === null) return skipOrFail(skip, 'no cgroup with memory can be made here; the tests with files cover it');
  const scenario = new ProcessScenario();
  const child = scenario.start(ALLOCATES);
  writeFileSync(join(cgroup.folder, 'cgroup.procs'), String(child.pid));
  writeFileSync(join(scenario.folder, 'go'), '');
  await scenario.pidOf('perl');
  expect((readCgroupUsage(cgroup) ?? 0) / MB).toBeGreaterThan(40);
  child.signal('SIGKILL');
  await child.exited;
  await eventually(() => expect((readCgroupUsage(cgroup) ?? 0) / MB).toBeLessThan(40));
});
