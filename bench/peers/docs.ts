// Writes results into the docs: tables between `<!-- bench NAME -->` and `<!-- /bench -->` of docs/evidence.md, charts into
// docs/images, raw data into docs/evidence.json, and from that the summary table of the README.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRun, root } from '../../scripts/quietly.js';
import { describeMachine, describeVersions } from '../report/machine.ts';
import { markdownTable, replaceSection, writeFormatted } from '../report/markdown.ts';
import type { Row } from '../report/markdown.ts';
import type { PlacedResult } from './figure.ts';
import { summaryTable } from './summary-table.ts';

/** The result of random fault injection: `long` for the page, `short` for the README, `where` it ran. */
export type ChaosReport = { long: string; short: string; where: string };
type Section = { name: string; body: string };

const EVIDENCE = join(root, 'docs/evidence.json');
const PAGE = join(root, 'docs/evidence.md');
const README = join(root, 'README.md');
const IMAGES = join(root, 'docs/images');

/** Figures that are not among the results stay as they are. */
export async function writeDocs(results: Record<string, PlacedResult>): Promise<void> {
  const before = existsSync(EVIDENCE) ? (JSON.parse(readFileSync(EVIDENCE, 'utf8')) as object) : {};
  const taken = Object.entries(results).map(([name, { place, data }]) => [name, { place, data }] as const);
  const evidence = { ...before, ...Object.fromEntries(taken) };
  mkdirSync(IMAGES, { recursive: true });
  for (const { images = {} } of Object.values(results)) {
    for (const [file, svg] of Object.entries(images)) writeFileSync(join(IMAGES, file), svg);
  }
  await writeFormatted(EVIDENCE, JSON.stringify(evidence));
  const sections = Object.entries(results).map(([name, result]) => ({ name, body: sectionOf(result) }));
  await replaceSections(PAGE, sections);
  await replaceSections(README, [{ name: 'short', body: summaryTable(evidence) }]);
}

export async function writeChaos({ long, short, where }: ChaosReport): Promise<void> {
  await replaceSections(PAGE, [{ name: 'chaos', body: `${long}\n\n${where}` }]);
  await replaceSections(README, [{ name: 'chaos', body: `${short}\n\n${where}` }]);
}

export function sectionOf({ rows, notes, place, images = {} }: PlacedResult): string {
  const charts = Object.keys(images).map((file) => `![](images/${file})`);
  const where = `${describeMachine(place)}; ${describeVersions(place.versions)}.`;
  return [markdownTable(rows.map(escaped)), ...charts, notes.map(item).join('\n'), where].join('\n\n');
}

async function replaceSections(path: string, sections: readonly Section[]): Promise<void> {
  let page = readFileSync(path, 'utf8');
  for (const { name, body } of sections) {
    const [begin, end] = [`<!-- bench ${name} -->`, '<!-- /bench -->'];
    const replaced = replaceSection(page, begin, end, body);
    if (replaced === null) throw new CannotRun(`${path} needs a line ${begin} and after it a line ${end}`);
    page = replaced;
  }
  await writeFormatted(path, page);
}

function escaped(cells: Row): string[] {
  return cells.map((text) => String(text).replaceAll('|', '\\|'));
}

/** A note may have several lines, or be Markdown of its own. */
function item(note: string): string {
  return /^[|\n<!#-]/.test(note) ? note : `- ${note.replaceAll('\n', ' ')}`;
}
