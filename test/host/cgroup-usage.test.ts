import fc from 'fast-check';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readUsage } from '../../src/host/cgroup-usage.ts';
import { readCgroups } from '../../src/host/cgroup.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { without } from '../harness/without.ts';
import { Family } from './family.ts';

const MB = 2 ** 20;
const STAT2 = 'anon 70\nfile 90\nshmem 10\ninactive_file 20\nactive_file 30\nslab_reclaimable 5\nslab 9\n';
const STAT1 =
  'cache 9\ninactive_file 1\nactive_file 1\nswap 1\ntotal_inactive_file 20\ntotal_active_file 30\ntotal_swap 7\n';

/** What is read of a cgroup with these files; one without a text is not there. */
function usage(version: 1 | 2, files: Record<string, string>, folder = tempFolder()): number | null {
  for (const [name, text] of Object.entries(files)) {
    if (text === '') rmSync(join(folder, name), { force: true });
    else writeFileSync(join(folder, name), text);
  }
  return readUsage({ version, folder });
}

test.each<[string, string, string, string, number | null]>([
  ['all there', '200\n', STAT2, '7\n', 200 - 55 + 7],
  ['no swap accounted for', '200\n', STAT2, '', 200 - 55],
  ['no slab told', '200\n', 'inactive_file 20\nactive_file 30\n', '0\n', 150],
  ['nothing but files', '55\n', STAT2, '0\n', 0],
  ['less than its files', '54\n', STAT2, '0\n', null],
  ['no count', '', STAT2, '0\n', null],
  ['a count in words', 'max\n', STAT2, '0\n', null],
  ['a count below nothing', '-200\n', STAT2, '0\n', null],
  ['a count that no machine has', '9223372036854771712\n', STAT2, '0\n', null],
  ['swap in words', '200\n', STAT2, 'some\n', null],
  ['no stat', '200\n', '', '0\n', null],
  ['half a stat', '200\n', 'inactive_file 20\n', '0\n', null],
  ['a row without a figure', '200\n', 'inactive_file \nactive_file 30\n', '0\n', null],
  ['words that only begin alike', '200\n', 'inactive_file_x 2\nxinactive_file 20\nactive_file 30\n', '0\n', null],
])('version 2, %s', (_, current, stat, swap, bytes) => {
  expect(usage(2, { 'memory.current': current, 'memory.stat': stat, 'memory.swap.current': swap })).toBe(bytes);
});

test.each<[string, string, string, number | null]>([
  ['all there: the totals count', '200\n', STAT1, 200 - 50 + 7],
  ['no swap accounted for', '200\n', STAT1.replace('total_swap 7\n', ''), 150],
  ['no totals', '200\n', 'inactive_file 1\nactive_file 1\n', null],
  ['less than its files', '42\n', STAT1, null],
  ['no count', '', STAT1, null],
  ['swap in words', '200\n', STAT1.replace('swap 7', 'swap seven'), null],
])('version 1, %s', (_, all, stat, bytes) => {
  expect(usage(1, { 'memory.usage_in_bytes': all, 'memory.stat': stat })).toBe(bytes);
});

test('no text makes it throw, or say what is no number of bytes', () => {
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

/** A cgroup of the kernel's own below ours; null where we may not make one. */
function makeCgroup(): { version: 1 | 2; folder: string } | null {
  const above = readCgroups().cgroups[0]?.cgroup;
  if (above === undefined) return null;
  const folder = join(above.folder, `mstdn-supervise-test-${process.pid}`);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  onTestFinished(() => eventually(() => rmdirSync(folder)));
  return { version: above.version, folder };
}

/** Waits for the file `go`, then takes 40 MB. */
const TAKER = `while [ ! -e go ]; do sleep 0.01; done
exec perl -e '$x = "x" x ${40 * MB}; open P, ">", "taker.pid"; print P $$; close P; sleep 1000'`;

test("a cgroup of the kernel's own counts what a process in it takes", async ({ skip }) => {
  const cgroup = makeCgroup();
  if (cgroup === null) return without(skip, 'no cgroup with memory can be made here; the files above stand for it');
  const family = new Family();
  const child = family.start(TAKER);
  writeFileSync(join(cgroup.folder, 'cgroup.procs'), String(child.pid));
  writeFileSync(join(family.folder, 'go'), '');
  await family.pidOf('taker');
  expect((readUsage(cgroup) ?? 0) / MB).toBeGreaterThan(40);
  child.signal('SIGKILL');
  await child.exited;
  await eventually(() => expect((readUsage(cgroup) ?? 0) / MB).toBeLessThan(40));
});
