// The cost of the router, compared with nginx and with no proxy: `npm run bench:router`, or
//   npm run bench:router -- [puma|bare|memory…] [--json] [--docs]
// --docs writes the figures between the markers of docs/one-dyno.md.
// On another Node: `/path/to/node --import tsx bench/router/main.ts`.
import { parseArgs } from 'node:util';
import { bootstrap } from '../../scripts/bootstrap.js';
import { installParts } from '../../scripts/parts.js';
import { cleanUp } from '../cleanup.ts';
import { runMain, UsageError } from '../command-line.ts';
import { memory } from './memory.ts';
import { noBackend } from './no-backend.ts';
import { puma } from './puma.ts';
import { sectionOf, writeDocs } from './report.ts';
import type { Part, PartResult } from './report.ts';

/** In the order in which they run. */
const PARTS = new Map<string, Part>(Object.entries({ puma, bare: noBackend, memory }));

await runMain('npm run bench:router', main);

async function main(): Promise<void> {
  const options = { json: { type: 'boolean', default: false }, docs: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const parts = positionals.length > 0 ? positionals.map(partOf) : [...PARTS];
  await bootstrap();
  await installParts();
  const results: Record<string, PartResult> = {};
  for (const [name, part] of parts) results[name] = await run(name, part, { isQuiet: values.json });
  if (values.json) console.log(JSON.stringify({ node: process.versions.node, ...results }, null, 2));
  if (values.docs) await writeDocs(results);
}

function partOf(name: string): [string, Part] {
  const part = PARTS.get(name);
  if (part !== undefined) return [name, part];
  throw new UsageError(`part ${name}: expected one of ${[...PARTS.keys()].join(', ')}`);
}

async function run(name: string, part: Part, { isQuiet }: { isQuiet: boolean }): Promise<PartResult> {
  try {
    const result = await part((text) => console.error(`${name}: ${text}`));
    if (!isQuiet) console.log(`\n${sectionOf(result)}\n`);
    return result;
  } finally {
    cleanUp();
  }
}
