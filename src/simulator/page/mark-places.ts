import type { Happening } from '../view.ts';

/** A label beside its line: in which row, from the top. */
export type Place = { happening: Happening; x: number; row: number };

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

/** Where the labels of marks stand so that none covers another; those without room are left out, and their lines stay.
 * widthOf: of a label, in the same unit as x and `end`, the right edge. */
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
    if (x + width > end + GAP) return [];
    const row = rows.findIndex((taken) => taken.every(([from, to]) => x + width <= from || x >= to));
    rows[row]?.push([x, x + width]);
    return row < 0 ? [] : [{ happening, x, row }];
  });
}
