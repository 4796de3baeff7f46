// A stand-in for Mastodon's sidekiq: writes its ready file, quiets on TSTP, gives its jobs -t seconds on TERM and exits
// 0.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openPool, poolSize } from './database.ts';
import { options } from './env-options.ts';
import { convertJob, Jobs, log } from './jobs.ts';
import { MemoryBallast, openControlSocket, withBytes } from './memory.ts';

const { threads, timeoutMs, queues } = readOptions();
log('Booting Sidekiq 8.1.6 (stand-in)');
// Until here a signal ends the process at once, as it ends a ruby that is still loading the app.
await new MemoryBallast().allocate(options.sidekiqBytes, options.bootMs);

const readyFile =
  process.env.MASTODON_SIDEKIQ_READY_FILENAME && join('tmp', process.env.MASTODON_SIDEKIQ_READY_FILENAME);
const jobs = new Jobs(threads, queues);
let stopping: Promise<void> | undefined;
process.on('SIGTSTP', () => {
  log('Received TSTP, no longer accepting new work');
  jobs.quiet();
});
process.on('SIGTTIN', dumpThreads);
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => void (stopping ??= shutDown()));
openControlSocket({ convert: withBytes((bytes) => jobs.add(convertJob(bytes))) });
openPool(poolSize(threads));
// The ready file and the title come last: a process that sees them can rely on the signal handlers.
if (readyFile) writeFileSync(readyFile, '');
log(`Ready with ${threads} threads for ${[...new Set(queues)].join(', ')}`);
jobs.start();

async function shutDown(): Promise<void> {
  log('Shutting down');
  if (readyFile) rmSync(readyFile, { force: true });
  log('Pausing to allow jobs to finish...');
  await jobs.finish(timeoutMs);
  log('Bye!');
  // Without this call, Node removes the signal handlers before it exits, and a TERM in those milliseconds would kill
  // it.
  process.exit();
}

function dumpThreads(): void {
  for (const name of ['heartbeat', 'scheduler', ...Array.from({ length: threads }, () => 'processor')]) {
    log(`Thread TID-${name}`, {}, 'WARN');
    log("stand-ins/sidekiq.ts:1:in `sleep'", {}, 'WARN');
  }
}

/** `queues` repeats each queue by its weight. An unknown option or a missing file exits with 1. */
type SidekiqOptions = { threads: number; timeoutMs: number; queues: readonly string[] };

function readOptions(): SidekiqOptions {
  const { values } = parseArgs({
    options: {
      concurrency: { type: 'string', short: 'c', default: process.env.RAILS_MAX_THREADS || '5' },
      queue: { type: 'string', short: 'q', multiple: true, default: [] },
      timeout: { type: 'string', short: 't' },
      config: { type: 'string', short: 'C' },
      environment: { type: 'string', short: 'e' },
      require: { type: 'string', short: 'r' },
      tag: { type: 'string', short: 'g' },
    },
  });
  if (values.config !== undefined && !existsSync(values.config)) throw new Error(`No such file ${values.config}`);
  const queues = values.queue.length > 0 ? values.queue : queuesOf(values.config ?? 'config/sidekiq.yml');
  return {
    threads: integer(values.concurrency),
    // A timeout on the command line comes from the admin or the supervisor and is not scaled.
    timeoutMs: values.timeout === undefined ? options.scale(25_000) : integer(values.timeout) * 1000,
    queues: queues.flatMap(weighted),
  };
}

/** Reads lines like `- [push, 6]` as `push,6`. Without any, sidekiq serves `default`. */
function queuesOf(file: string): string[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const queues = [...text.matchAll(/^\s*- \[([^\]]+)\]/gm)].map(([, item = '']) => item.replaceAll(' ', ''));
  return queues.length > 0 ? queues : ['default'];
}

function weighted(queue: string): string[] {
  const [name = '', weight = '1'] = queue.split(',');
  return Array.from({ length: Math.max(1, integer(weight)) }, () => name);
}

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`invalid value for Integer(): "${text}"`);
  return Number(text);
}
