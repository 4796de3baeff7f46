// A small instance: a copy of the tests' Rails app, a Redis, and the settings of its admin.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.js';
import { root } from '../../scripts/quietly.js';
import { temporaryFolder } from '../cleanup.ts';
import { startRedis } from './redis.ts';
import type { Redis } from './redis.ts';

export type Instance = { folder: string; redis: Redis; port: number; env: NodeJS.ProcessEnv };

const UP_WITHIN_MS = 60_000;

/** Copies the app and starts its Redis. There is no database: the app never connects to it. */
export async function makeInstance(env: NodeJS.ProcessEnv = {}): Promise<Instance> {
  const folder = temporaryFolder();
  cpSync(join(root, 'test/real/app'), folder, { recursive: true });
  mkdirSync(join(folder, 'tmp'));
  execFileSync('bundle', ['lock', '--local'], { cwd: folder, stdio: 'pipe' });
  const redis = await startRedis(folder);
  const port = await freePort();
  const settings = {
    RAILS_ENV: 'production',
    RAILS_LOG_LEVEL: 'warn',
    REDIS_URL: redis.url,
    DATABASE_URL: 'postgres://unused@localhost:1/unused',
    PORT: `${port}`,
    RUN_WORKER: 'true',
    MAGICK_TMPDIR: folder,
  };
  return { folder, redis, port, env: { ...settings, ...env } };
}

/** Resolves once puma responds and, if `redis` is given, sidekiq has registered there. */
export async function untilUp({ port, redis }: { port: number; redis?: Redis }): Promise<void> {
  const deadline = performance.now() + UP_WITHIN_MS;
  while (!(await isHealthy(port)) || (redis !== undefined && (await redis.ask('scard', 'processes')) === 0)) {
    if (performance.now() > deadline) throw new Error('the dyno did not become ready within a minute');
    await pause(100);
  }
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/health', agent: false }, (response) => {
      response.resume().once('close', () => resolve(response.statusCode === 200));
    }).once('error', () => resolve(false));
  });
}
