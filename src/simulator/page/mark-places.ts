import type { Happening } from '../view.ts';

/** A label beside its line: in which row, from the top. */
export type Place = { happening: Happening; left: number; row: number };

const ROWS = 4;
const GAP = 6;
/** Those before others get the room there is. */
const WEIGHTS: Readonly<Record<Happening['kind'], number>> = {
  'error-code': 0,
  exit: 1,
  action: 2,
  release: 3,
  state: 4,
};

/** Where the labels of marks stand so that none covers another: right of their line, left of it at the right edge, `end`.
 * Those without room are left out, and their lines stay. widthOf: of a label, in the unit of x. */
export function placeMarks(
  marks: readonly { happening: Happening; x: number }[],
  widthOf: (text: string) => number,
  end: number,
): Place[] {
  const rows = Array.from({ length: ROWS }, (): [from: number, to: number][] => []);
  const inOrder = [...marks].sort(
    (one, other) => WEIGHTS[one.happening.kind] - WEIGHTS[other.happening.kind] || one.x - other.x,
  );
  return inOrder.flatMap(({ happening, x }) => {
    const width = widthOf(happening.mark) + GAP;
    const left = x + width <= end ? x : x - width;
    const row = rows.findIndex((taken) => taken.every(([from, to]) => left + width <= from || left >= to));
    rows[row]?.push([left, left + width]);
    return row < 0 ? [] : [{ happening, left, row }];
  });
}
