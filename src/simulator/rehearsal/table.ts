import type { Row } from './verdict.ts';

const HEAD = ['scene', 'what', 'figure', 'limit', 'verdict'] as const;
const COLOURS = { good: 32, bad: 31, note: 90 } as const;
const GAP = '  ';

/** One line a figure, in columns; a scene is named once. */
export function table(rows: readonly Row[], isColoured = false): string {
  const cells = rows.map(({ scene, what, figure, limit, verdict }, index) => {
    const isNew = rows[index - 1]?.scene !== scene;
    return [isNew ? scene : '', what, figure, limit, verdict];
  });
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const lines = all.map((line) => pad(line, widths));
  if (!isColoured) return lines.join('\n');
  return lines.map((line, index) => coloured(line, rows[index - 1])).join('\n');
}

function pad(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join(GAP)
    .trimEnd();
}

/** The verdict is the last word of the line. */
function coloured(line: string, row: Row | undefined): string {
  if (row === undefined) return `\x1b[1m${line}\x1b[0m`;
  const { verdict } = row;
  return `${line.slice(0, -verdict.length)}\x1b[${COLOURS[verdict]}m${verdict}\x1b[0m`;
}

/** `31 good, 2 bad, 9 notes` */
export function sum(rows: readonly Row[]): string {
  const count = (verdict: string): number => rows.filter((row) => row.verdict === verdict).length;
  return `${count('good')} good, ${count('bad')} bad, ${count('note')} notes`;
}
