// Writes the settings of src/config/settings.ts to docs/settings.md, to the table of README.md and to `env` of app.json.
//   node scripts/docs.js [--check] [FOLDER]
// --check writes nothing, and fails if a file is out of date. FOLDER: default is this repository.
import { build } from 'esbuild';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import prettier from 'prettier';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Set by the platform, not by an admin. */
const PLATFORM_SETTINGS = ['PORT', 'BIND', 'SOCKET', 'WEB_CONCURRENCY_SET_BY'];
/** The values with which a new instance on one small dyno starts. */
const INITIAL_VALUES = { RUN_WORKER: 'true', WEB_CONCURRENCY: '0', MAX_THREADS: '3', SIDEKIQ_THREADS: '2' };

const BEGIN = '<!-- settings -->';
const END = '<!-- /settings -->';
const README = `# mstdn-supervise\n\n## Settings\n\n${BEGIN}\n${END}\n`;
const PAGE = (table) => `# Settings

<!-- Written by \`npm run docs\` from src/config/settings.ts: change it there. -->

Settings are environment variables: config vars on a platform, or lines of a file with \`--env-file FILE\`. A variable that is
already set overrides the file. An empty variable counts as unset.

All invalid values are reported together, with what was expected. Nothing is started then, and the exit code is 78.
\`mstdn-supervise plan\` prints what would run with the current settings. It also warns about variables that look like a misspelled
setting.

${table}
`;

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
const folder = resolve(positionals[0] ?? ROOT);
const settings = Object.entries(await readSettings());
const stale = [];

await put('docs/settings.md', () => PAGE(table()));
await put('README.md', (readme = README) => between(readme, `\n\n${table()}\n\n`));
await put('app.json', (app) => JSON.stringify({ ...JSON.parse(app), env: env() }));

if (values.check && stale.length > 0) {
  console.error(`out of date, run \`npm run docs\`: ${stale.join(', ')}`);
  process.exitCode = 1;
}

/** Compiles the table in memory. */
async function readSettings() {
  const options = { bundle: true, write: false, format: 'esm', logLevel: 'error' };
  const { outputFiles } = await build({ ...options, entryPoints: [join(ROOT, 'src/config/settings.ts')] });
  return (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)).SETTINGS;
}

async function put(name, change) {
  const file = join(folder, name);
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const style = await prettier.resolveConfig(join(ROOT, name));
  const after = await prettier.format(change(before), { ...style, filepath: file });
  if (after === before) return;
  stale.push(name);
  if (values.check) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, after);
}

function table() {
  const rows = settings.map(([name, { byDefault, doc }]) => [`\`${name}\``, byDefault || 'unset', doc]);
  return [['variable', 'default', 'meaning'], ['---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function between(text, middle) {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md needs a line ${BEGIN} and after it a line ${END}`);
  return text.slice(0, begin + BEGIN.length) + middle + text.slice(end);
}

function env() {
  const adminSettings = settings.filter(([name]) => !PLATFORM_SETTINGS.includes(name));
  return Object.fromEntries(adminSettings.map(([name, setting]) => [name, describe(name, setting)]));
}

function describe(name, { byDefault, doc }) {
  const text = `${doc[0].toUpperCase()}${doc.slice(1)}.${byDefault ? ` Default: ${byDefault}` : ''}`;
  const value = INITIAL_VALUES[name];
  return { description: text.replaceAll('`', '"'), ...(value === undefined ? {} : { value }), required: false };
}
