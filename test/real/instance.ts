import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDyno, tempFolder, type Dyno, type DynoOptions, type End } from '../harness/dyno.ts';
import { commandLine } from '../harness/processes.ts';
import { freePort } from '../simulator/free-port.ts';
import { startRedis, type Redis } from './services.ts';

const app = fileURLToPath(new URL('app', import.meta.url));
let lock: string | undefined;

/** A fresh checkout of the app in a temporary folder, its gems resolved. */
export function checkout(): string {
  const folder = tempFolder();
  cpSync(app, folder, { recursive: true });
  mkdirSync(join(folder, 'tmp'));
  writeFileSync(join(folder, 'Gemfile.lock'), gemfileLock());
  return folder;
}

/** The gems of this machine that Bundler chooses for the app. */
function gemfileLock(): string {
  lock ??= execFileSync('bundle', ['lock', '--local', '--print'], { cwd: app, encoding: 'utf8', stdio: 'pipe' });
  return lock;
}

/** The major version of a gem of this machine, as Bundler chooses it for the app. */
export function majorVersionOf(gem: string): number {
  const major = new RegExp(`^ {4}${gem} \\((\\d+)\\.`, 'm').exec(gemfileLock())?.[1];
  if (major === undefined) throw new Error(`the gem ${gem} is not in Gemfile.lock:\n${gemfileLock()}`);
  return Number(major);
}

export type Instance = { dyno: Dyno; redis: Redis; folder: string; port: number };

/** Starts a dyno with its own checkout, Redis and port. */
export async function startInstance(options: DynoOptions & { redis?: Redis } = {}): Promise<Instance> {
  const { redis = await startRedis(), cwd: folder = checkout(), ...rest } = options;
  const port = await freePort();
  const env = { ...environmentOf(redis), PORT: `${port}`, ...options.env };
  return { dyno: startDyno({ ...rest, cwd: folder, env }), redis, folder, port };
}

/** The settings of a small instance. There is no database: only a release connects to it. */
export function environmentOf(redis: Redis): Record<string, string> {
  return {
    RAILS_ENV: 'production',
    REDIS_URL: redis.url,
    DATABASE_URL: 'postgres://app@localhost:1/nothing',
    WEB_CONCURRENCY: '1',
    MAX_THREADS: '3',
  };
}

export type Reply = { status: number | undefined; body: string };

export function get(port: number, path: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpGet({ host: '127.0.0.1', port, path, agent: false }, (reply) => {
      let body = '';
      reply.setEncoding('utf8').on('data', (text: string) => (body += text));
      reply.once('error', reject).once('end', () => resolve({ status: reply.statusCode, body }));
    });
    request.once('error', reject);
  });
}

/** Resolves once puma and sidekiq are ready. */
export async function ready({ dyno }: Instance): Promise<void> {
  await dyno.waitForOutput(/puma is ready after/);
  await dyno.waitForOutput(/sidekiq is ready after/);
}

/** The pid that the supervisor logs for this child. */
export async function pidOf(dyno: Dyno, child: string): Promise<number> {
  return Number((await dyno.waitForOutput(new RegExp(`${child} started: .*\\(pid (\\d+)\\)`)))[1]);
}

/** How the dyno exited, and the processes that were still running at that moment. */
export async function endOf(dyno: Dyno): Promise<End & { left: string[] }> {
  const scanning = setInterval(() => dyno.scan(), 100); // finds descendants before their parents exit
  try {
    await exitOf(dyno);
  } finally {
    clearInterval(scanning);
  }
  const left = dyno.scan().map((pid) => `${pid} ${commandLine(pid)}`);
  const { exitCode: code, signalCode: signal } = dyno.child;
  if (left.length === 0 && !dyno.child.stdout?.isPaused()) await dyno.exited;
  return { code, signal, left };
}

/** Resolves at the exit of the first process, even if another process still holds the dyno's output open. */
async function exitOf({ child }: Dyno): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('exit', resolve));
}

/** The last log line of the supervisor itself. */
export function lastLine(dyno: Dyno): string {
  const own = dyno.output.split('\n').filter((line) => /^\{"level":/.test(line));
  return (JSON.parse(own.at(-1) ?? '{"msg":"no line at all"}') as { msg: string }).msg;
}

export function withExit(code: number): End & { left: string[] } {
  return { code, signal: null, left: [] };
}
