// The figures of the supervisor, each as a ratio or a difference inside one run: `npm run bench`, or
// `NODE=/path/to/node npm run bench -- 60 memory` for another node, another number of rounds, and one figure of
// start, memory, reaction and stop.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const node = process.env.NODE ?? process.execPath;
const rounds = Number(process.argv[2] ?? 40);
const only = process.argv[3];
const binary = fileURLToPath(new URL('../bin/mstdn-supervise.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-bench-'));
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Says when it is up, when TERM comes (on the monotonic clock, which all processes share), and ends after a while. In
 * Perl, which every Debian has, because it hears a signal ten times as soon as Node does. */
const childFile = join(folder, 'child.pl');
writeFileSync(
  childFile,
  `use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);
my ($name, $ends_after) = @ARGV;
$| = 1;
$SIG{TERM} = sub { printf "%s term %.6f\\n", $name, clock_gettime(CLOCK_MONOTONIC) * 1000; sleep $ends_after / 1000; exit 0 };
print "$name up $$\\n";
sleep 1000 while 1;
`,
);
/** What puma and sidekiq are to us once they have booted: one answers HTTP, the other has touched its file. */
const server = "require('http').createServer((_, r) => r.end('OK')).listen(process.env.PORT, '127.0.0.1')";
const worker = 'touch "tmp/$MASTODON_SIDEKIQ_READY_FILENAME"; exec sleep 1000';

try {
  const version = readVersion();
  console.log(`node ${version}, ${rounds} rounds`);
  for (const figure of [start, memory, reaction, stop]) {
    if (only === undefined || figure.name === only) await figure();
  }
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
  for (let round = 0; round < Math.max(5, rounds / 8); round += 1) {
    bare.push(await bareMemory());
    ours.push(await ourMemory());
  }
  report('private memory at rest with three children, of a bare node with one', `${ratio(ours, bare)}x`, '1.35x', [
    ...line(ours, 'MB'),
    '/',
    ...line(bare, 'MB'),
  ]);
}

async function bareMemory() {
  const script =
    "require('child_process').spawn('/bin/sleep', ['1000'], { stdio: 'inherit' }); setInterval(() => {}, 1e6)";
  const child = spawn(node, ['-e', script], { stdio: 'ignore', detached: true });
  const reading = await privateAtRest(child.pid);
  process.kill(-child.pid, 'SIGKILL');
  return reading;
}

async function ourMemory() {
  const dyno = supervise({
    PORT: `${20_000 + (process.pid % 20_000)}`,
    RUN_WORKER: 'true',
    PUMA_COMMAND: `${node} -e "${server}"`,
    SIDEKIQ_COMMAND: `/bin/sh -c '${worker}'`,
    SIDEKIQ_PROCESSES: '1 1',
    SUPERVISE_MEMORY_QUOTA: process.env.QUOTA ?? '512M',
  });
  let output = '';
  dyno.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  while (!/sidekiq-1 is ready[^]*sidekiq-2 is ready|sidekiq-2 is ready[^]*sidekiq-1 is ready/.test(output)) {
    await once(dyno.stdout, 'data');
  }
  const reading = await privateAtRest(dyno.pid);
  dyno.kill('SIGTERM');
  await once(dyno, 'exit');
  return reading;
}

/** Two equal readings a second apart, after ten seconds: what is left when start-up is over and two looks were taken. */
async function privateAtRest(pid) {
  await pause(10_000);
  for (let last = NaN; ; await pause(1000)) {
    const reading = privateOf(pid);
    if (Math.abs(reading - last) < 0.05) return reading;
    last = reading;
  }
}

/** What only this process has and nobody can drop. Clean pages of the node binary are not: streaming runs on the same. */
function privateOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Private_Dirty:\s+(\d+) kB/m.exec(text)?.[1]) / 1024;
}

async function reaction() {
  const took = [];
  // A 99th percentile needs a hundred rounds at the least.
  for (let round = 0; round < 5 * rounds; round += 1) {
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
  const child = (name) => `perl ${childFile} ${name} ${endsAfterMs}`;
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
  // Start-up is over when the log has said so: pino is loaded after the children, and takes 10 ms.
  await said(/("fact":"started"[^]*){3}/);
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
