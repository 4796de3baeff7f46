// npm run dev: this clone's web dyno with sidekiq beside it, on small stand-ins. No Ruby, no Redis, no database.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { bootstrap } from './bootstrap.js';
import { CannotRun, root } from './quietly.js';

/** npm passes a Ctrl-C on that the terminal has already sent to us: what comes so soon is not a second one. */
const SAME_CTRL_C_MS = 500;

try {
  await bootstrap();
  const env = environment();
  await checkPort(env);
  process.exitCode = await inWorkFolder((folder) => runDyno(env, folder));
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`npm run dev: ${error.message}`);
  process.exitCode = 1;
}

/** What the platform and the admin would set; the user's own variables win. Empty means unset. */
function environment() {
  const set = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  return {
    DYNO: 'web.1',
    PORT: '5006',
    BIND: '127.0.0.1',
    RUN_WORKER: 'true',
    PUMA_COMMAND: standIn('puma'),
    SIDEKIQ_COMMAND: standIn('sidekiq'),
    STREAMING_COMMAND: standIn('streaming'),
    MIGRATE_COMMAND: `${standIn('rails')} db:migrate`,
    AFTER_MIGRATE_COMMAND: `${standIn('rails')} runner Rails.cache.clear`,
    ...set,
  };
}

function standIn(name) {
  const file = join(root, `dist/simulator/stand-ins/${name}.js`);
  return [process.execPath, file].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

/** Every other complaint about PORT and BIND is the supervisor's. */
function checkPort({ PORT, BIND }) {
  return new Promise((resolve, reject) => {
    if (!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65535) return void resolve();
    const server = createServer().listen(Number(PORT), BIND, () => server.close(resolve));
    const taken = new CannotRun(`port ${PORT} is taken; another one: PORT=${Number(PORT) + 1} npm run dev`);
    server.once('error', ({ code }) => (code === 'EADDRINUSE' ? reject(taken) : resolve()));
  });
}

/** A folder that has what Mastodon's has for sidekiq, for as long as `run` takes. */
async function inWorkFolder(run) {
  const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-dev-'));
  try {
    mkdirSync(join(folder, 'tmp'));
    mkdirSync(join(folder, 'config'));
    const queues = ['default, 8', 'push, 6', 'ingress, 4', 'mailers, 2', 'pull', 'scheduler', 'fasp'];
    writeFileSync(join(folder, 'config/sidekiq.yml'), `:queues:\n${queues.map((item) => `  - [${item}]\n`).join('')}`);
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a session of its own, so that a Ctrl-C of the terminal reaches it through us alone. Gives the exit code. */
function runDyno(env, cwd) {
  const health = env.RUN_STREAMING === 'true' ? '/api/v1/streaming/health' : '/health';
  const host = ['127.0.0.1', '0.0.0.0', '::'].includes(env.BIND) ? 'localhost' : env.BIND;
  // Not console.log: that makes a pipe non-blocking for the dyno as well.
  writeSync(
    1,
    `Stand-ins run here instead of Mastodon: http://${host}:${env.PORT}${health} - kill any pid named below (kill -9 PID) to see why the dyno ends; Ctrl-C stops it\n`,
  );
  const binary = join(root, 'bin/mstdn-supervise.js');
  const dyno = spawn(process.execPath, [binary, 'web'], { cwd, env, stdio: 'inherit', detached: true });
  passSignalsTo(dyno);
  return new Promise((resolve, reject) => {
    dyno.once('error', reject);
    dyno.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function passSignalsTo(dyno) {
  let lastMs = -Infinity;
  process.on('SIGINT', () => {
    if (performance.now() - lastMs < SAME_CTRL_C_MS) return;
    lastMs = performance.now();
    dyno.kill('SIGINT');
  });
  for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => dyno.kill(name));
  process.on('SIGQUIT', () => dyno.kill('SIGTERM'));
}
