// A small instance: a checkout of the tests' Rails app, a Redis, and what its admin has set.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../free-port.js';
import { root } from '../quietly.js';
import { temporaryFolder } from './ending.js';
import { startRedis } from './redis.js';

/** The folder of the checkout, its Redis, port and variables. The database is not there: nobody asks it. */
export async function makeInstance() {
  const folder = temporaryFolder();
  cpSync(join(root, 'test/real/app'), folder, { recursive: true });
  mkdirSync(join(folder, 'tmp'));
  execFileSync('bundle', ['lock', '--local'], { cwd: folder, stdio: 'pipe' });
  const redis = await startRedis(folder);
  const port = await freePort();
  const env = {
    RAILS_ENV: 'production',
    RAILS_LOG_LEVEL: 'warn',
    REDIS_URL: redis.url,
    DATABASE_URL: 'postgres://nobody@localhost:1/nothing',
    PORT: `${port}`,
    RUN_WORKER: 'true',
    MAGICK_TMPDIR: folder,
  };
  return { folder, redis, port, env };
}

/** Resolves once puma answers and, where one is meant to run, sidekiq fetches. */
export async function isUp({ port, redis }, { sidekiq = true } = {}) {
  const end = performance.now() + 60_000;
  while (!(await answers(port)) || (sidekiq && (await redis.ask('scard', 'processes')) === 0)) {
    if (performance.now() > end) throw new Error('the dyno did not come up within a minute');
    await pause(100);
  }
}

function answers(port) {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/health', agent: false }, (reply) => {
      reply.resume().once('close', () => resolve(reply.statusCode === 200));
    }).once('error', () => resolve(false));
  });
}
