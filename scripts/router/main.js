// What the router costs, beside nginx and beside none: `npm run bench:router`, or
//   npm run bench:router -- [puma|bare|memory…] [--json] [--docs]
// --docs writes the figures between the marks of docs/one-dyno.md. Another node: `/path/to/node scripts/router/main.js`.
import { parseArgs } from 'node:util';
import { bootstrap } from '../bootstrap.js';
import { endAll } from '../memory/ending.js';
import { installParts } from '../parts.js';
import { CannotRun } from '../quietly.js';
import { sectionOf, writeDocs } from './docs.js';
import { bare } from './parts/bare.js';
import { memory } from './parts/memory.js';
import { puma } from './parts/puma.js';

const PARTS = { puma, bare, memory };
const options = { json: { type: 'boolean' }, docs: { type: 'boolean' } };

try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
  const unknown = names.find((name) => !(name in PARTS));
  if (unknown) throw new CannotRun(`no part ${unknown}; there are ${Object.keys(PARTS).join(', ')}`);
  await bootstrap();
  await installParts();
  const results = {};
  for (const name of names) results[name] = await measure(name, values.json);
  if (values.json) console.log(JSON.stringify({ node: process.versions.node, ...results }, null, 2));
  if (values.docs) await writeDocs(results);
} catch (error) {
  if (!(error instanceof CannotRun) && !String(error.code).startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`npm run bench:router: ${error.message}`);
  process.exitCode = 1;
}

async function measure(name, isQuiet) {
  try {
    const result = await PARTS[name]((text) => console.error(`${name}: ${text}`));
    if (!isQuiet) console.log(`\n${sectionOf(result)}\n`);
    return result;
  } finally {
    endAll();
  }
}
