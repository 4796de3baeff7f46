import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProcessRow } from '../../src/linux/processes.ts';
import { findRelated, rememberLiving } from '../../src/process/process-tree.ts';

const SELF = 2;
type Short = Partial<ProcessRow> & { pid: number };

/** Each leads its own session, has the first process as its parent, and started at its pid, unless told otherwise. */
function row({ pid, ...more }: Short): ProcessRow {
  return { pid, parent: 1, session: pid, started: String(pid), name: 'puma', zombie: false, ...more };
}

function kinOf(rows: readonly Short[], known: Record<number, string> = {}, marked: readonly number[] = []): number[] {
  const knownMap = new Map(Object.entries(known).map(([pid, started]): [number, string] => [Number(pid), started]));
  const kin = findRelated(
    [row({ pid: 1 }), row({ pid: SELF }), ...rows.map(row)],
    knownMap,
    (pid) => marked.includes(pid),
    SELF,
  );
  return kin.map(({ pid }) => pid).sort((a, b) => a - b);
}

test.each<[string, Short[], Record<number, string>, number[], number[]]>([
  ['nothing known, nothing ours', [{ pid: 10 }], {}, [], []],
  ['a child', [{ pid: 10 }], { 10: '10' }, [], [10]],
  ['its descendants', [{ pid: 12, parent: 11 }, { pid: 11, parent: 10 }, { pid: 10 }], { 10: '10' }, [], [10, 11, 12]],
  ['members of its session', [{ pid: 10 }, { pid: 11, session: 10 }], { 10: '10' }, [], [10, 11]],
  ['members of its session after its end', [{ pid: 11, session: 10 }], { 10: '10' }, [], [11]],
  [
    'sessions of descendants',
    [{ pid: 10 }, { pid: 11, parent: 10 }, { pid: 12, session: 11 }],
    { 10: '10' },
    [],
    [10, 11, 12],
  ],
  ['what carries the marker', [{ pid: 10 }, { pid: 11 }], {}, [11], [11]],
  ['what carries it and is as old as we are', [{ pid: 10, started: '2' }], {}, [10], [10]],
  ['what carries it and is older than we are', [{ pid: 10, started: '1' }], {}, [10], []],
  ['descendants of what carries it', [{ pid: 11 }, { pid: 12, parent: 11 }], {}, [11], [11, 12]],
  [
    'session of what carries it',
    [{ pid: 11 }, { pid: 12, session: 11 }, { pid: 13, parent: 12 }],
    {},
    [11],
    [11, 12, 13],
  ],
  ['seen earlier, alone now', [{ pid: 11 }], { 11: '11' }, [], [11]],
  ['a pid that somebody else has now', [{ pid: 10, started: '99' }], { 10: '10' }, [], []],
  [
    'the session of a pid that somebody else has now',
    [
      { pid: 10, started: '99' },
      { pid: 11, session: 10 },
      { pid: 12, parent: 10 },
    ],
    { 10: '10' },
    [],
    [],
  ],
  ['a pid that somebody of ours has now', [{ pid: 10, started: '99' }], { 10: '10' }, [10], [10]],
  ['never self, marked or not', [], { [SELF]: String(SELF) }, [SELF], []],
  ['not the children of self', [{ pid: 10, parent: SELF }], {}, [], []],
  ['not our own session', [{ pid: 10, session: SELF }, { pid: 11 }], { 11: '11' }, [], [11]],
  [
    'not the siblings, nor the parent',
    [{ pid: 10, parent: 9 }, { pid: 9 }, { pid: 8, parent: 9 }],
    { 10: '10' },
    [],
    [10],
  ],
  ['nobody by name', [{ pid: 10 }, { pid: 11, name: 'sidekiq' }, { pid: 12, name: 'puma' }], { 10: '10' }, [], [10]],
  [
    'what ended as well, for its session',
    [
      { pid: 10, zombie: true },
      { pid: 11, session: 10 },
    ],
    { 10: '10' },
    [],
    [10, 11],
  ],
])('%s', (_, rows, known, marked, ours) => {
  expect(kinOf(rows, known, marked)).toEqual(ours);
  expect(kinOf(rows.toReversed(), known, marked)).toEqual(ours);
});

const anyRow = fc.record({
  pid: fc.integer({ min: 3, max: 30 }),
  parent: fc.integer({ min: 1, max: 30 }),
  session: fc.integer({ min: 1, max: 30 }),
  started: fc.constantFrom('1', '2'),
  name: fc.constantFrom('puma', 'sidekiq', 'sh'),
  zombie: fc.boolean(),
});
const anyTable = fc.record({
  rows: fc.uniqueArray(anyRow, { selector: ({ pid }) => pid, maxLength: 20 }),
  known: fc.dictionary(fc.integer({ min: 3, max: 30 }).map(String), fc.constantFrom('1', '2'), { maxKeys: 5 }),
  marked: fc.array(fc.integer({ min: 3, max: 30 }), { maxLength: 3 }),
});

/** Why a process is ours, one step at a time: said again, and more simply, than the code says it. */
function reason(
  it: ProcessRow,
  ours: ReadonlySet<number>,
  known: Record<number, string>,
  rows: readonly Short[],
): boolean {
  const isReused = (pid: number): boolean => rows.some((other) => other.pid === pid && other.started !== known[pid]);
  const inSession = known[it.session] !== undefined && !isReused(it.session);
  return known[it.pid] === it.started || ours.has(it.parent) || ours.has(it.session) || inSession;
}

test('whatever the table: all that is ours is found, and nothing unrelated ever', () => {
  fc.assert(
    fc.property(anyTable, ({ rows, known, marked }) => {
      const ours = new Set<number>();
      for (let size = -1; size !== ours.size;) {
        size = ours.size;
        for (const it of rows) {
          const isMarked = marked.includes(it.pid) && Number(it.started) >= SELF; // who is older has it from somebody else
          if (isMarked || reason(it, ours, known, rows)) ours.add(it.pid);
        }
      }
      expect(kinOf(rows, known, marked)).toEqual([...ours].sort((a, b) => a - b));
    }),
    { numRuns: 2000 },
  );
});

test('asks nobody for the marker who is known already', () => {
  const asked: number[] = [];
  const rows = [{ pid: 10 }, { pid: 11, parent: 10 }, { pid: 12 }, { pid: SELF }].map(row);
  findRelated(rows, new Map([[10, '10']]), (pid) => asked.push(pid) < 0, SELF);
  expect(asked).toEqual([12]);
});

test('remembers the living, and the ended whose session lives on', () => {
  const known = new Map([10, 20, 30, 40].map((pid): [number, string] => [pid, String(pid)]));
  const kin = [
    { pid: 11, session: 10 },
    { pid: 20, zombie: true },
    { pid: 40, zombie: true },
    { pid: 41, session: 40 },
  ];
  expect(Object.fromEntries(rememberLiving(known, kin.map(row)))).toEqual({ 10: '10', 11: '11', 40: '40', 41: '41' });
  expect(rememberLiving(known, [])).toEqual(new Map());
});
