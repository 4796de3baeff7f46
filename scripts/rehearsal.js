// Rehearses the project's Procfile and the shell line that it replaces, with stand-ins: `npm run rehearsals`, or
//   npm run rehearsals -- [--docs] [--time-scale 10]   (takes seven minutes, or two with a scale of 10)
// --docs writes both results, side by side, between the markers of docs/simulator.md.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import prettier from 'prettier';
import { bootstrap } from './bootstrap.js';
import { freePort } from './free-port.js';
import { CannotRun, root } from './quietly.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const DOCS = join(root, 'docs/simulator.md');
const [BEGIN, END] = ['<!-- rehearsed -->', '<!-- /rehearsed -->'];

try {
  const options = { docs: { type: 'boolean' }, 'time-scale': { type: 'string', default: '1' } };
  const { values } = parseArgs({ options });
  await bootstrap();
  const shellLine = await rehearse('the shell line', join(root, 'test/fixtures/shell-line'), values['time-scale']);
  const own = await inEmptyFolder((folder) => rehearse('our Procfile', folder, values['time-scale']));
  const rows = sideBySide(shellLine, own);
  console.log(`\n${asText(rows)}`);
  if (values.docs) await writeDocs(rows, own.timeScale);
} catch (error) {
  if (!(error instanceof CannotRun) && !String(error.code).startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`npm run rehearsals: ${error.message}`);
  process.exitCode = 1;
}

/** Returns the report. It does not depend on the environment of this process. */
async function rehearse(name, folder, timeScale) {
  console.error(`${name}:`);
  const port = await freePort();
  const words = ['dev', '--rehearse', '--json', '--dir', folder, '--port', `${port}`, '--time-scale', timeScale];
  const { PATH, HOME, TMPDIR } = process.env;
  const env = { PATH, HOME, LANG: 'C.UTF-8', ...(TMPDIR ? { TMPDIR } : {}) };
  const child = spawn(process.execPath, [join(root, 'bin/mstdn-supervise.js'), ...words], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // The child stops its dynos first; this process exits after it.
  const forward = (name) => child.kill(name);
  for (const name of SIGNALS) process.on(name, forward);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  for (const name of SIGNALS) process.off(name, forward);
  if (code !== 0 && code !== 1) throw new CannotRun(`the rehearsal of ${name} ended with ${code}`);
  return JSON.parse(output);
}

async function inEmptyFolder(run) {
  const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-rehearsal-'));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A line for each figure that either has: scenario, what, the limit, then both. */
function sideBySide(shellLine, own) {
  const [left, right] = [rowsOf(shellLine), rowsOf(own)];
  const keys = [...new Set([...left.keys(), ...right.keys()])];
  const scenarios = own.scenarios.map(({ scenario }) => scenario);
  keys.sort((one, other) => scenarios.indexOf(scenarioOf(one)) - scenarios.indexOf(scenarioOf(other)));
  return keys.map((key) => {
    const [a, b] = [left.get(key), right.get(key)];
    return {
      scenario: scenarioOf(key),
      what: key.slice(scenarioOf(key).length + 1),
      limit: b?.limit || a?.limit || '',
      a,
      b,
    };
  });
}

/** The first process of one is a shell, of the other a supervisor. */
function rowsOf({ scenarios }) {
  const all = scenarios.flatMap(({ scenario, rows }) => rows.map((row) => ({ ...row, scenario })));
  return new Map(
    all.map((row) => [
      `${row.scenario} ${row.what.replace(/\b(shell|supervisor) killed/, 'first process killed')}`,
      row,
    ]),
  );
}

function scenarioOf(key) {
  return key.split(' ')[0];
}

function asText(rows) {
  const lines = rows.map(({ scenario, what, limit, a, b }) => [scenario, what, limit, cell(a), cell(b)]);
  const all = [['scenario', 'what', 'limit', 'shell line', 'our Procfile'], ...lines];
  const widths = all[0].map((_, column) => Math.max(...all.map((line) => line[column].length)));
  return all
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cell(row, bad = (text) => `${text} (bad)`) {
  if (row === undefined) return '';
  return row.verdict === 'bad' ? bad(row.figure) : row.figure;
}

async function writeDocs(rows, timeScale) {
  const page = readFileSync(DOCS, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new CannotRun(`docs/simulator.md needs a line ${BEGIN} and after it one ${END}`);
  const middle = `\n\n${section(rows, timeScale)}\n\n`;
  const text = page.slice(0, begin + BEGIN.length) + middle + page.slice(end);
  const style = await prettier.resolveConfig(DOCS);
  writeFileSync(DOCS, await prettier.format(text, { ...style, filepath: DOCS }));
}

function section(rows, timeScale) {
  const lines = rows.map(({ scenario, what, limit, a, b }, index) => {
    const bold = (text) => `**${text}**`;
    return [rows[index - 1]?.scenario === scenario ? '' : scenario, what, limit, cell(a, bold), cell(b, bold)];
  });
  const head = [
    ['scenario', 'what', 'limit', 'shell line', 'our Procfile'],
    ['---', '---', '---', '---', '---'],
  ];
  const table = [...head, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `${about(timeScale)}\n\n${table}`;
}

function about(timeScale) {
  const times =
    timeScale === 1 ? '' : ` All times of the platform, and the limits with them, are ${timeScale} times shorter.`;
  return `<!-- Written by \`npm run rehearsals -- --docs\` from a real run: change scripts/rehearsal.js. -->

One run each, on the stand-ins, on a machine with ${cpus().length} cores, Node ${process.versions.node}: the Procfile of this
project, and the shell line that it replaces (\`test/fixtures/shell-line\`: the Procfile, and the \`.profile\` that went with
it).${times} Bad results are in **bold**.`;
}
