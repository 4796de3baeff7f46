// Markdown tables, and the sections of a page that a benchmark writes.
import { writeFileSync } from 'node:fs';
import prettier from 'prettier';

export type Row = readonly (string | number)[];

/** The first row holds the headings. */
export function markdownTable([headings = [], ...rows]: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Replaces what is between the two markers. Returns null where the page does not have both. */
export function replaceSection(page: string, begin: string, end: string, body: string): string | null {
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) return null;
  return `${page.slice(0, from)}${begin}\n\n${body}\n\n${page.slice(to)}`;
}

/** Writes a file in the format of this repository. */
export async function writeFormatted(path: string, text: string): Promise<void> {
  const style = await prettier.resolveConfig(path);
  writeFileSync(path, await prettier.format(text, { ...style, filepath: path }));
}
