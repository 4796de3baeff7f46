// The supervisor beside its peers, on one machine: `npm run bench`, or
//   npm run bench -- [FIGURE…] [--quick] [--peers NAME,…] [--docs] [--json]
// --quick takes few rounds, to try it out; --docs writes docs/evidence.md, docs/evidence.json, docs/images and the README, with
// all rounds and all peers only.
// All that run on Node run on the one of the PATH.
import { parseArgs } from 'node:util';
import { bootstrap } from '../bootstrap.js';
import { endAll } from '../memory/ending.js';
import { markdownTable } from '../memory/figures.js';
import { installPackages } from '../packages.js';
import { CannotRun } from '../quietly.js';
import { versionsOf } from './debian.js';
import { FIGURES, figureOf, OF_REAL_PARTS } from './figures.js';
import { installedPeers } from './installed.js';
import { describe, describeVersions, machine } from './machine.js';

const options = {
  help: { type: 'boolean' },
  quick: { type: 'boolean' },
  peers: { type: 'string' },
  docs: { type: 'boolean' },
  json: { type: 'boolean' },
};
const USAGE = `npm run bench -- [FIGURE…] [--quick] [--peers NAME,…] [--docs] [--json]

  FIGURE            ${FIGURES.join(', ')}; all unless told
  --quick           few rounds, to try it out
  --peers NAME,…    only these beside each other
  --docs            what came of it goes into docs and the README; with all rounds and all peers only
  --json            raw`;
const EXIT = { failed: 1, usage: 64 };

try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const unknown = positionals.find((name) => !FIGURES.includes(name));
  if (values.help) console.log(USAGE);
  else if (unknown) complain(`no figure ${unknown}; there are ${FIGURES.join(', ')}`, EXIT.usage);
  else if (values.docs && (values.quick || values.peers !== undefined))
    complain('--docs takes all rounds and all peers: not with --quick or --peers', EXIT.usage);
  else await bench(positionals.length > 0 ? positionals : FIGURES, values);
} catch (error) {
  if (String(error.code).startsWith('ERR_PARSE_ARGS'))
    complain(`${error.message}; --help tells all options`, EXIT.usage);
  else if (error instanceof CannotRun) complain(error.message, EXIT.failed);
  else throw error;
}

async function bench(names, { quick: isQuick = false, peers: wanted, docs, json }) {
  await bootstrap();
  if (names.some((name) => OF_REAL_PARTS.includes(name))) await installPackages();
  const { peers, versions } = await installedPeers(wanted?.split(','));
  const place = { ...machine(), isQuick, versions };
  if (!json) console.log(`${describe(place)}\n${describeVersions(versions)}`);
  const results = {};
  for (const name of names) {
    const { parts = {}, ...result } = await take(name, { peers, isQuick });
    results[name] = { ...result, place: { ...place, versions: { ...versions, ...versionsOf(parts) } } };
    if (!json) show(results[name]);
    // After each: a run takes an hour, and what is there is there.
    if (docs) await (await import('./docs.js')).writeDocs({ [name]: results[name] });
  }
  if (json) console.log(JSON.stringify(results, leaveOutImages, 2));
}

async function take(name, { peers, isQuick }) {
  const figure = await figureOf(name);
  try {
    return await figure({ peers, isQuick, say: (text) => console.error(`${name}: ${text}`) });
  } finally {
    endAll();
  }
}

function show({ title, rows, notes }) {
  console.log(['', title, '', markdownTable(rows), '', ...notes.map((note) => `- ${note}`)].join('\n'));
}

function leaveOutImages(key, value) {
  return key === 'images' ? undefined : value;
}

function complain(text, code) {
  console.error(`npm run bench: ${text}`);
  process.exitCode = code;
}
