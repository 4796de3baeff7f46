// The figures of the supervisor, each as a ratio or a difference inside one run: `npm run bench`, or
// `NODE=/path/to/node npm run bench -- 60` for another node and another number of rounds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const node = process.env.NODE ?? process.execPath;
const rounds = Number(process.argv[2] ?? 40);
const binary = fileURLToPath(new URL('../bin/mstdn-supervise.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-bench-'));
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Says when it is up, when TERM comes (on the monotonic clock, which all processes share), and ends after a while. */
const childFile = join(folder, 'child.mjs');
writeFileSync(
  childFile,
  `const [name, endsAfterMs] = process.argv.slice(2);
const now = () => Number(process.hrtime.bigint()) / 1e6;
process.on('SIGTERM', () => { console.log(name, 'term', now()); setTimeout(() => process.exit(0), Number(endsAfterMs)); });
setInterval(() => {}, 1e6);
console.log(name, 'up', process.pid);
`,
);

try {
  const version = readVersion();
  console.log(`node ${version}, ${rounds} rounds`);
  await start();
  await memory();
  await reaction();
  await stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function start() {
  const bare = [];
  const ours = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await timeOf(spawn(node, ['-e', '0'], { stdio: 'ignore' })));
    ours.push(await timeToFirstChild());
  }
  report('exec to the first child’s exec, of `node -e 0`', `${ratio(ours, bare)}x`, '1.4x', [
    ...line(ours, 'ms'),
    '/',
    ...line(bare, 'ms'),
  ]);
}

async function timeOf(child) {
  const from = now();
  await once(child, 'exit');
  return now() - from;
}

async function timeToFirstChild() {
  const from = now();
  const dyno = supervise({ PUMA_COMMAND: '/bin/echo up', SUPERVISE_LOG_LEVEL: 'error' });
  await once(dyno.stdout, 'data');
  const took = now() - from;
  await once(dyno, 'exit');
  return took;
}

async function memory() {
  const bare = [];
  const ours = [];
  const idle =
    "require('node:child_process').spawn('/bin/sleep',['1000']).on('exit',()=>process.exit());setInterval(()=>{},1e6)";
  // One more node of the same binary, as streaming is on a dyno: what all share is then private to none.
  const sharer = spawn(node, ['-e', 'setInterval(()=>{},1e6)'], { stdio: 'ignore' });
  for (let round = 0; round < Math.max(5, rounds / 8); round += 1) {
    const one = spawn(node, ['-e', idle], { stdio: 'ignore', detached: true });
    bare.push(await privateAtRest(one.pid));
    process.kill(-one.pid, 'SIGKILL');
    const dyno = supervise({
      RUN_WORKER: 'true',
      PUMA_COMMAND: '/bin/sleep 1000',
      SIDEKIQ_COMMAND: "/bin/sh -c 'exec sleep 1000'",
      SIDEKIQ_PROCESSES: '1 1',
      SUPERVISE_START_TIMEOUT: '0',
    });
    ours.push(await privateAtRest(dyno.pid));
    dyno.kill('SIGTERM');
    await once(dyno, 'exit');
  }
  sharer.kill('SIGKILL');
  report('private memory at rest with three children, of a bare node with one', `${ratio(ours, bare)}x`, '1.35x', [
    ...line(ours, 'MB'),
    '/',
    ...line(bare, 'MB'),
  ]);
}

/** Two equal readings a second apart, after three seconds: what is left when start-up is over. */
async function privateAtRest(pid) {
  await pause(3000);
  for (let last = NaN; ; await pause(1000)) {
    const reading = privateOf(pid);
    if (Math.abs(reading - last) < 0.05) return reading;
    last = reading;
  }
}

function privateOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const sizes = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)].map((match) => Number(match[1]));
  return sizes.reduce((sum, size) => sum + size, 0) / 1024;
}

async function reaction() {
  const took = [];
  for (let round = 0; round < rounds; round += 1) {
    const { dyno, said, pids } = await threeChildren(0);
    const from = now();
    process.kill(pids.get('puma'), 'SIGKILL');
    const [, at] = await said(/sidekiq-1 term ([\d.]+)/);
    took.push(Number(at) - from);
    await once(dyno, 'exit');
  }
  report(
    'a child’s death to the TERM at its siblings, 99th percentile',
    `${quantile(took, 0.99).toFixed(1)} ms`,
    '10 ms',
    line(took, 'ms'),
  );
}

async function stop() {
  const took = [];
  for (let round = 0; round < rounds; round += 1) {
    const { dyno } = await threeChildren(300);
    const from = now();
    dyno.kill('SIGTERM');
    await once(dyno, 'exit');
    took.push(now() - from - 300);
  }
  report(
    'TERM to the exit, beyond the 300 ms of the slowest child',
    `${quantile(took, 0.5).toFixed(1)} ms`,
    '60 ms',
    line(took, 'ms'),
  );
}

async function threeChildren(endsAfterMs) {
  const child = (name) => `${process.execPath} ${childFile} ${name} ${endsAfterMs}`;
  const dyno = supervise({
    RUN_WORKER: 'true',
    PUMA_COMMAND: child('puma'),
    SIDEKIQ_COMMAND: `/bin/sh -c 'exec ${child('sidekiq-1')}'`,
    SIDEKIQ_PROCESSES: '1 1',
    SUPERVISE_START_TIMEOUT: '0',
  });
  let output = '';
  dyno.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const said = async (pattern) => {
    for (let match; ; await once(dyno.stdout, 'data')) {
      if ((match = pattern.exec(output))) return match;
    }
  };
  const pids = new Map();
  pids.set('puma', Number((await said(/puma up (\d+)/))[1]));
  await said(/sidekiq-1 up[^]*sidekiq-1 up/);
  return { dyno, said, pids };
}

function supervise(env) {
  return spawn(node, [binary, 'web'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function report(what, value, goal, spread) {
  console.log(`${what}: ${value} (goal ${goal}; ${spread.join(' ')})`);
}

function ratio(ours, bare) {
  return (quantile(ours, 0.5) / quantile(bare, 0.5)).toFixed(2);
}

function line(values, unit) {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => quantile(values, part).toFixed(1));
  return [`median ${middle} ${unit}`, `quartiles ${low} to ${high}`];
}

function quantile(values, part) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

function readVersion() {
  return process.env.NODE ? node : process.version;
}
