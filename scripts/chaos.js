// npm run chaos -- [--runs N] [--seed S] [--path P] [--at-once N] [--keep FOLDER] [--docs]: random stories of a dyno's life with the
// real binary, one in twenty with the real puma, sidekiq and Redis, each held to docs/termination.md. A story that fails is
// named by its seed and path; `--path` plays it alone, and finds the shortest one that fails in the same way. `--keep`
// writes what was seen of each that fails into a folder, `--docs` what came of all into docs/evidence.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap } from './bootstrap.js';
import { atEnd } from './memory/ending.js';
import { installPackages } from './packages.js';
import { CannotRun, root } from './quietly.js';

const WRONG_USAGE = 64;
/** The later the machine is, the less can be asked of a story. */
const AT_ONCE = Math.min(32, 2 * availableParallelism() + 1);
/** docs/evidence.md is the record of a long run. */
const DOCS_LEAST = 10_000;
const USAGE = `npm run chaos -- [--runs N] [--seed S] [--at-once N] [--keep FOLDER] [--docs]
npm run chaos -- --seed S --path P

  --runs N       so many stories; 100 unless told
  --seed S       of this seed; another one each time unless told
  --path P       only this one, as a failing run prints it, and the shortest that fails like it
  --at-once N    so many at the same time, ${AT_ONCE} on these cores unless told; with real parts always 3
  --keep FOLDER  what was seen of each that fails goes there
  --docs         what came of all goes into docs/evidence.md and the README; from --runs ${DOCS_LEAST} on`;

try {
  const options = read(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    process.exit();
  }
  await bootstrap();
  await installPackages();
  process.exitCode = await run(options);
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`npm run chaos: ${error.message}${error.exitCode === WRONG_USAGE ? '; --help tells all options' : ''}`);
  process.exitCode = error.exitCode ?? 1;
}
process.exit();

function read(words) {
  const text = { type: 'string' };
  try {
    const flag = { type: 'boolean', default: false };
    const options = { runs: text, seed: text, path: text, 'at-once': text, keep: text, docs: flag, help: flag };
    const { values } = parseArgs({ args: words, options });
    if (values.path !== undefined && values.seed === undefined) throw new CannotRun('--path: expected --seed too');
    return checked({
      ...{ root, help: values.help, isForDocs: values.docs },
      runs: number('--runs', values.runs ?? '100', 1, 1_000_000),
      seed: number('--seed', values.seed ?? `${Date.now() % 1_000_000}`, 0, 1_000_000_000),
      path: path(values.path ?? null),
      atOnce: number('--at-once', values['at-once'] ?? `${AT_ONCE}`, 1, 32),
      keep: values.keep ?? null,
    });
  } catch (error) {
    if (error instanceof CannotRun || error.code?.startsWith('ERR_PARSE_ARGS')) throw wrong(error.message);
    throw error;
  }
}

function checked(options) {
  if (!options.isForDocs || (options.path === null && options.runs >= DOCS_LEAST)) return options;
  throw new CannotRun(`--docs: expected --runs ${DOCS_LEAST} or more and no --path, since the docs record a long run`);
}

function number(name, text, least, most) {
  if (/^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
  throw new CannotRun(`${name} ${text}: expected a whole number from ${least} to ${most}`);
}

function path(text) {
  if (text === null || /^\d{1,9}(:\d{1,3})*$/.test(text)) return text;
  throw new CannotRun(`--path ${text}: expected numbers as a failing story prints them, such as 41 or 41:3:0`);
}

function wrong(message) {
  return Object.assign(new CannotRun(message.split('\n')[0]), { exitCode: WRONG_USAGE });
}

/** The stories are TypeScript, which the oldest Node that we run on does not read. */
async function run(options) {
  const { build } = await import('esbuild');
  const folder = mkdtempSync(join(root, 'node_modules/.chaos-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'chaos.mjs');
  const shared = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' };
  await build({ ...shared, entryPoints: [join(root, 'test/chaos/main.ts')], outfile });
  const { chaos } = await import(outfile);
  const { exitCode, report } = await chaos(options);
  if (options.isForDocs && report !== null) await writeDocs(report);
  return exitCode;
}

async function writeDocs(report) {
  const { writeChaos } = await import('./bench/docs.js');
  const { describe, describeVersions, machine } = await import('./bench/machine.js');
  const { REAL_PARTS, REAL_RAILS, versionsOf } = await import('./bench/debian.js');
  const versions = describeVersions(versionsOf({ ...REAL_PARTS, ...REAL_RAILS, libfaketime: 'libfaketime' }));
  await writeChaos({ ...report, where: `${describe(machine())}; ${versions}.` });
}
