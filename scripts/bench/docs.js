// What the docs take from a run: tables between `<!-- bench NAME -->` and `<!-- /bench -->` of docs/evidence.md, pictures into
// docs/images, raw data into docs/evidence.json, and from that the short table of the README.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { markdownTable } from '../memory/figures.js';
import { CannotRun, root } from '../quietly.js';
import { describe, describeVersions } from './machine.js';
import { shortTable } from './short.js';

const EVIDENCE = join(root, 'docs/evidence.json');
const PAGE = join(root, 'docs/evidence.md');
const README = join(root, 'README.md');
const IMAGES = join(root, 'docs/images');

/** results: { [figure]: what it gave, and `place` }. What the docs have of other figures stays. */
export async function writeDocs(results) {
  const evidence = existsSync(EVIDENCE) ? JSON.parse(readFileSync(EVIDENCE, 'utf8')) : {};
  for (const [name, { place, data, images = {} }] of Object.entries(results)) {
    evidence[name] = { place, data };
    mkdirSync(IMAGES, { recursive: true });
    for (const [file, svg] of Object.entries(images)) writeFileSync(join(IMAGES, file), svg);
  }
  await write(EVIDENCE, JSON.stringify(evidence));
  const sections = Object.entries(results).map(([name, result]) => [name, sectionOf(result)]);
  await put(PAGE, sections);
  await put(README, [['short', shortTable(evidence)]]);
}

/** What came of random stories: long for the page, short for the README. */
export async function writeChaos({ long, short, where }) {
  await put(PAGE, [['chaos', `${long}\n\n${where}`]]);
  await put(README, [['chaos', `${short}\n\n${where}`]]);
}

function sectionOf({ rows, notes, place, images = {} }) {
  const pictures = Object.keys(images).map((file) => `![](images/${file})`);
  const where = `${describe(place)}; ${describeVersions(place.versions)}.`;
  return [markdownTable(rows.map(escaped)), ...pictures, notes.map(item).join('\n'), where].join('\n\n');
}

/** sections: [name, markdown], each between its marks. */
async function put(path, sections) {
  let page = readFileSync(path, 'utf8');
  for (const [name, body] of sections) {
    const [begin, end] = [`<!-- bench ${name} -->`, '<!-- /bench -->'];
    const from = page.indexOf(begin);
    const to = page.indexOf(end, from);
    if (from < 0 || to < 0) throw new CannotRun(`${path} needs a line ${begin} and after it a line ${end}`);
    page = `${page.slice(0, from)}${begin}\n\n${body}\n\n${page.slice(to)}`;
  }
  await write(path, page);
}

async function write(path, text) {
  const style = await prettier.resolveConfig(path);
  writeFileSync(path, await prettier.format(text, { ...style, filepath: path }));
}

function escaped(cells) {
  return cells.map((text) => String(text).replaceAll('|', '\\|'));
}

/** A note may be several lines, or markdown of its own. */
function item(note) {
  return /^[|\n<!#-]/.test(note) ? note : `- ${note.replaceAll('\n', ' ')}`;
}
