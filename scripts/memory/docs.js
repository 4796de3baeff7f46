// What the docs take from a run: plots into docs/images, tables between `<!-- memory NAME -->` and `<!-- /memory -->`.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { root } from '../quietly.js';
import { markdownTable } from './figures.js';

const PAGE = join(root, 'docs/memory.md');

export async function writeDocs(results) {
  mkdirSync(join(root, 'docs/images'), { recursive: true });
  for (const { images = {} } of Object.values(results)) {
    for (const [name, svg] of Object.entries(images)) writeFileSync(join(root, 'docs/images', name), svg);
  }
  if (!existsSync(PAGE)) return;
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, { rows, notes = [] }] of Object.entries(results)) page = put(page, name, rows, notes);
  const style = await prettier.resolveConfig(PAGE);
  writeFileSync(PAGE, await prettier.format(page, { ...style, filepath: PAGE }));
}

function put(page, name, rows, notes) {
  const [begin, end] = [`<!-- memory ${name} -->`, '<!-- /memory -->'];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) return page;
  const body = [markdownTable(rows), ...notes].join('\n\n');
  return `${page.slice(0, from)}${begin}\n\n${body}\n\n${page.slice(to)}`;
}
