// Behaves as a sidekiq of Mastodon: writes its ready file, quiets on TSTP, on TERM gives its jobs -t seconds and exits 0.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ballast } from './ballast.ts';
import { needsBytes, takeCommands } from './control.ts';
import { Jobs } from './jobs.ts';
import { knobs } from './knobs.ts';
import { openPool, poolSize } from './pool.ts';
import { convertJob } from './pretend-job.ts';
import { log } from './sidekiq-log.ts';
import { readOptions } from './sidekiq-options.ts';

const { threads, timeoutMs, queues } = readOptions();
log('Booting Sidekiq 8.1.6 (stand-in)');
// A signal that comes before this line ends it at once, as it ends a ruby that still loads the app.
await new Ballast().take(knobs.sidekiqBytes, knobs.bootMs);

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
takeCommands({ convert: needsBytes((bytes) => jobs.add(convertJob(bytes))) });
openPool(poolSize(threads));
// Only now: whoever sees it ready or at work can count on its answer to signals.
if (readyFile) writeFileSync(readyFile, '');
log(`Ready with ${threads} threads for ${[...new Set(queues)].join(', ')}`);
jobs.start();

async function shutDown(): Promise<void> {
  log('Shutting down');
  if (readyFile) rmSync(readyFile, { force: true });
  log('Pausing to allow jobs to finish...');
  await jobs.finish(timeoutMs);
  log('Bye!');
  // Left to itself, Node takes the signal handlers away first: a TERM in those milliseconds would be its end.
  process.exit();
}

function dumpThreads(): void {
  for (const name of ['heartbeat', 'scheduler', ...Array.from({ length: threads }, () => 'processor')]) {
    log(`Thread TID-${name}`, {}, 'WARN');
    log("stand-ins/sidekiq.ts:1:in `sleep'", {}, 'WARN');
  }
}
