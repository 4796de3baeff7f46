// npm run chaos: runs random fault-injection scenarios with the real binary, one in twenty with the real puma, sidekiq and Redis, and
// checks each run against docs/termination.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { onCleanup } from '../bench/cleanup.ts';
import { bootstrap } from './bootstrap.js';
import { installPackages } from './packages.js';
import { CannotRun, root } from './quietly.js';

const USAGE_ERROR = 64;
/** With more at a time the machine is too slow, and the checks are less precise. */
const DEFAULT_SLOTS = Math.min(32, 2 * availableParallelism() + 1);
/** docs/evidence.md records long runs only. */
const DOCS_MIN_RUNS = 2_000;
const USAGE = `npm run chaos -- [--runs N] [--seed S] [--at-once N] [--keep FOLDER] [--docs]
npm run chaos -- --seed S --path P

  --runs N       number of scenarios; default 100
  --seed S       seed of the scenarios; default: a different one each time
  --path P       run only this scenario, as a failing run prints it, and find the simplest one that fails in the same way
  --at-once N    scenarios at a time; default ${DEFAULT_SLOTS} on this machine; with the real puma and sidekiq always 3
  --keep FOLDER  write the history of each failing scenario to this folder
  --docs         write the result into docs/evidence.md and README.md; needs --runs ${DOCS_MIN_RUNS} or more`;

try {
  const options = parse(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    process.exit();
  }
  await bootstrap();
  await installPackages();
  process.exitCode = await run(options);
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`npm run chaos: ${error.message}${error.exitCode === USAGE_ERROR ? '; see --help' : ''}`);
  process.exitCode = error.exitCode ?? 1;
}
process.exit();

function parse(words) {
  const text = { type: 'string' };
  try {
    const flag = { type: 'boolean', default: false };
    const options = { runs: text, seed: text, path: text, 'at-once': text, keep: text, docs: flag, help: flag };
    const { values } = parseArgs({ args: words, options });
    if (values.path !== undefined && values.seed === undefined) throw new CannotRun('--path: expected --seed too');
    return checked({
      root,
      help: values.help,
      isForDocs: values.docs,
      runs: number('--runs', values.runs ?? '100', 1, 1_000_000),
      seed: number('--seed', values.seed ?? `${Date.now() % 1_000_000}`, 0, 1_000_000_000),
      path: path(values.path ?? null),
      slots: number('--at-once', values['at-once'] ?? `${DEFAULT_SLOTS}`, 1, 32),
      keep: values.keep ?? null,
    });
  } catch (error) {
    if (error instanceof CannotRun || error.code?.startsWith('ERR_PARSE_ARGS')) throw usageError(error.message);
    throw error;
  }
}

function checked(options) {
  if (!options.isForDocs || (options.path === null && options.runs >= DOCS_MIN_RUNS)) return options;
  throw new CannotRun(
    `--docs: expected --runs ${DOCS_MIN_RUNS} or more and no --path, since the docs record long runs`,
  );
}

function number(name, text, min, max) {
  if (/^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new CannotRun(`${name} ${text}: expected a whole number from ${min} to ${max}`);
}

function path(text) {
  if (text === null || /^\d{1,9}(:\d{1,3})*$/.test(text)) return text;
  throw new CannotRun(`--path ${text}: expected numbers as a failing scenario prints them, such as 41 or 41:3:0`);
}

function usageError(message) {
  return Object.assign(new CannotRun(message.split('\n')[0]), { exitCode: USAGE_ERROR });
}

/** The harness is TypeScript, which the oldest supported Node cannot run. */
async function run(options) {
  const { build } = await import('esbuild');
  const folder = mkdtempSync(join(root, 'node_modules/.chaos-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'chaos.mjs');
  const shared = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' };
  await build({ ...shared, entryPoints: [join(root, 'test/chaos/main.ts')], outfile });
  const { chaos } = await import(outfile);
  const { exitCode, report } = await chaos(options);
  if (options.isForDocs && report !== null) await writeDocs(report);
  return exitCode;
}

async function writeDocs(report) {
  const { writeChaos } = await import('../bench/peers/docs.ts');
  const { describeMachine, describeVersions, machine, packageVersions, REAL_PARTS, REAL_RAILS } =
    await import('../bench/report/machine.ts');
  const versions = describeVersions(packageVersions({ ...REAL_PARTS, ...REAL_RAILS, libfaketime: 'libfaketime' }));
  await writeChaos({ ...report, where: `${describeMachine(machine())}; ${versions}.` });
}
