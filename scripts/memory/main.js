// The figures of docs/memory.md, with real puma, sidekiq, Redis and ImageMagick: `npm run memory`, or
//   npm run memory -- [STORY…] [--json] [--docs]
// --docs writes the plots into docs/images and the tables between the marks of docs/memory.md.
import { parseArgs } from 'node:util';
import { bootstrap } from '../bootstrap.js';
import { installParts } from '../parts.js';
import { CannotRun } from '../quietly.js';
import { writeDocs } from './docs.js';
import { endAll } from './ending.js';
import { markdownTable, secondsOf } from './figures.js';
import { STORIES } from './stories.js';

const options = { json: { type: 'boolean' }, docs: { type: 'boolean' } };

try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const names = positionals.length > 0 ? positionals : Object.keys(STORIES);
  const unknown = names.find((name) => !(name in STORIES));
  if (unknown) throw new CannotRun(`no story ${unknown}; there are ${Object.keys(STORIES).join(', ')}`);
  await bootstrap();
  await installParts();
  const results = {};
  for (const name of names) results[name] = await tell(name, values.json);
  if (values.json) console.log(JSON.stringify(results, leaveOutBulk, 2));
  if (values.docs) await writeDocs(results);
} catch (error) {
  if (!(error instanceof CannotRun) && !String(error.code).startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`npm run memory: ${error.message}`);
  process.exitCode = 1;
}

async function tell(name, isQuiet) {
  const say = (text) => console.error(`${name}: ${text}`);
  try {
    const result = await STORIES[name](say);
    if (!isQuiet) show(result);
    if (result.claims.some(({ holds }) => !holds)) process.exitCode = 1;
    return result;
  } finally {
    endAll();
  }
}

/** With what the supervisor said where something does not hold. */
function show({ title, rows, notes = [], claims, facts = [] }) {
  const verdicts = claims.map(({ text, holds }) => `${holds ? 'holds' : 'DOES NOT HOLD'}: ${text}`);
  const said = claims.every(({ holds }) => holds) ? [] : facts.map(({ atMs, msg }) => `${secondsOf(atMs)}: ${msg}`);
  console.log([`\n${title}\n`, markdownTable(rows), '', ...notes, ...verdicts, '', ...said].join('\n'));
}

function leaveOutBulk(key, value) {
  return key === 'images' || key === 'facts' ? undefined : value;
}
