// The figures of a run into docs/one-dyno.md, between two marks.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import prettier from 'prettier';
import { CannotRun, root } from '../quietly.js';
import { markdownTable } from '../memory/figures.js';

const PAGE = join(root, 'docs/one-dyno.md');
const [BEGIN, END] = ['<!-- figures -->', '<!-- /figures -->'];

export async function writeDocs(results) {
  const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new CannotRun(`docs/one-dyno.md needs a line ${BEGIN} and after it a line ${END}`);
  const machine = `${cpus().length} cores, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}.`;
  const body = [machine, ...Object.values(results).map(sectionOf)].join('\n\n');
  const text = `${page.slice(0, from)}${BEGIN}\n\n${body}\n\n${page.slice(to)}`;
  const style = await prettier.resolveConfig(PAGE);
  writeFileSync(PAGE, await prettier.format(text, { ...style, filepath: PAGE }));
}

/** In markdown. */
export function sectionOf({ title, rows, goals }) {
  return [`${title}:`, markdownTable(rows), goals.map(({ text }) => `- ${text}`).join('\n')].join('\n\n');
}
