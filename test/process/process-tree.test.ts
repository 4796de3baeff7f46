import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProcessRow } from '../../src/linux/processes.ts';
import { findRelated, sessionLeaders } from '../../src/process/process-tree.ts';

const OWN_PID = 2;
type RowFields = Partial<ProcessRow> & { pid: number };

/** By default a process leads its own session, has process 1 as its parent, and its start time is its pid. */
function row({ pid, ...fields }: RowFields): ProcessRow {
  return { pid, parent: 1, session: pid, started: String(pid), name: 'puma', zombie: false, ...fields };
}

function relatedPids(
  rows: readonly RowFields[],
  known: Record<number, string> = {},
  marked: readonly number[] = [],
): number[] {
  const related = findRelated(
    [row({ pid: 1 }), row({ pid: OWN_PID }), ...rows.map(row)],
    Object.entries(known).map(([pid, started]) => ({ pid: Number(pid), started })),
    (pid) => marked.includes(pid),
    OWN_PID,
  );
  return related.map(({ pid }) => pid).sort((a, b) => a - b);
}

test.each<[string, RowFields[], Record<number, string>, number[], number[]]>([
  ['no process without a known one', [{ pid: 10 }], {}, [], []],
  ['a child', [{ pid: 10 }], { 10: '10' }, [], [10]],
  ['its descendants', [{ pid: 12, parent: 11 }, { pid: 11, parent: 10 }, { pid: 10 }], { 10: '10' }, [], [10, 11, 12]],
  ['members of its session', [{ pid: 10 }, { pid: 11, session: 10 }], { 10: '10' }, [], [10, 11]],
  ['members of its session after its exit', [{ pid: 11, session: 10 }], { 10: '10' }, [], [11]],
  [
    'sessions of descendants',
    [{ pid: 10 }, { pid: 11, parent: 10 }, { pid: 12, session: 11 }],
    { 10: '10' },
    [],
    [10, 11, 12],
  ],
  ['a marked process', [{ pid: 10 }, { pid: 11 }], {}, [11], [11]],
  ['a marked process as old as ourselves', [{ pid: 10, started: '2' }], {}, [10], [10]],
  ['not a marked process older than ourselves', [{ pid: 10, started: '1' }], {}, [10], []],
  ['descendants of a marked process', [{ pid: 11 }, { pid: 12, parent: 11 }], {}, [11], [11, 12]],
  [
    'the session of a marked process',
    [{ pid: 11 }, { pid: 12, session: 11 }, { pid: 13, parent: 12 }],
    {},
    [11],
    [11, 12, 13],
  ],
  ['a process known from an earlier scan, now without its parent', [{ pid: 11 }], { 11: '11' }, [], [11]],
  ['not an unrelated process with a reused pid', [{ pid: 10, started: '99' }], { 10: '10' }, [], []],
  [
    'not the session of a reused pid',
    [
      { pid: 10, started: '99' },
      { pid: 11, session: 10 },
      { pid: 12, parent: 10 },
    ],
    { 10: '10' },
    [],
    [],
  ],
  ['a marked process with a reused pid', [{ pid: 10, started: '99' }], { 10: '10' }, [10], [10]],
  ['not ourselves, marked or not', [], { [OWN_PID]: String(OWN_PID) }, [OWN_PID], []],
  ['not our other children', [{ pid: 10, parent: OWN_PID }], {}, [], []],
  ['not our own session', [{ pid: 10, session: OWN_PID }, { pid: 11 }], { 11: '11' }, [], [11]],
  [
    'not the siblings, nor the parent',
    [{ pid: 10, parent: 9 }, { pid: 9 }, { pid: 8, parent: 9 }],
    { 10: '10' },
    [],
    [10],
  ],
  [
    'no process by its name',
    [{ pid: 10 }, { pid: 11, name: 'sidekiq' }, { pid: 12, name: 'puma' }],
    { 10: '10' },
    [],
    [10],
  ],
  [
    'a zombie, because of its session',
    [
      { pid: 10, zombie: true },
      { pid: 11, session: 10 },
    ],
    { 10: '10' },
    [],
    [10, 11],
  ],
])('findRelated: %s', (_, rows, known, marked, expected) => {
  expect(relatedPids(rows, known, marked)).toEqual(expected);
  expect(relatedPids(rows.toReversed(), known, marked)).toEqual(expected);
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

/** A simpler implementation of one step: whether a process is related, given the processes that are known to be. */
function isRelated(
  candidate: ProcessRow,
  related: ReadonlySet<number>,
  known: Record<number, string>,
  rows: readonly RowFields[],
): boolean {
  const isReused = (pid: number): boolean => rows.some((other) => other.pid === pid && other.started !== known[pid]);
  const { pid, parent, session, started } = candidate;
  const inSession = known[session] !== undefined && !isReused(session);
  return known[pid] === started || related.has(parent) || related.has(session) || inSession;
}

test('finds all related processes and no other in any process table', () => {
  fc.assert(
    fc.property(anyTable, ({ rows, known, marked }) => {
      const related = new Set<number>();
      for (let size = -1; size !== related.size;) {
        size = related.size;
        for (const candidate of rows) {
          const isMarked = marked.includes(candidate.pid) && Number(candidate.started) >= OWN_PID; // not older than ourselves
          if (isMarked || isRelated(candidate, related, known, rows)) related.add(candidate.pid);
        }
      }
      expect(relatedPids(rows, known, marked)).toEqual([...related].sort((a, b) => a - b));
    }),
    { numRuns: 2000 },
  );
});

test('does not read the marker of a process that is known already', () => {
  const checked: number[] = [];
  const rows = [{ pid: 10 }, { pid: 11, parent: 10 }, { pid: 12 }, { pid: OWN_PID }].map(row);
  findRelated(rows, [{ pid: 10, started: '10' }], (pid) => checked.push(pid) < 0, OWN_PID);
  expect(checked).toEqual([12]);
});

test('finds the leaders of living sessions, exited or not', () => {
  const known = [10, 20, 30, 40].map((pid) => ({ pid, started: String(pid) }));
  const living = [{ pid: 11, session: 10 }, { pid: 30 }, { pid: 41, session: 40 }, { pid: 50 }].map(row);
  expect(sessionLeaders(known, living).map(({ pid }) => pid)).toEqual([10, 30, 40]);
  expect(sessionLeaders(known, [])).toEqual([]);
});
