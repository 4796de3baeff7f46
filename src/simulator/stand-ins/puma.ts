import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runCluster, runWorker } from './puma-cluster.ts';
import { runSingle } from './puma-server.ts';

/** worker: the number of this worker process, null in the first process. */
type PumaOptions = { workers: number; threads: number; worker: number | null };

/** Reads the command line and the variables of Mastodon's config/puma.rb. An unknown option or a missing file exits
 * with 1. */
function readOptions(): PumaOptions {
  const { values } = parseArgs({
    options: {
      config: { type: 'string', short: 'C' },
      port: { type: 'string', short: 'p' },
      workers: { type: 'string', short: 'w' },
      threads: { type: 'string', short: 't' },
      environment: { type: 'string', short: 'e' },
      tag: { type: 'string' },
      'cluster-worker': { type: 'string' },
    },
  });
  if (values.config !== undefined && values.config !== '-' && !existsSync(values.config))
    throw new Error(`No such file or directory @ rb_sysopen - ${values.config}`);
  if (values.port !== undefined) process.env.PORT = values.port;
  const worker = values['cluster-worker'];
  return {
    workers: integer(values.workers ?? process.env.WEB_CONCURRENCY ?? '2'),
    threads: integer(values.threads?.split(':').at(-1) ?? (process.env.MAX_THREADS || '5')),
    worker: worker === undefined ? null : Number(worker),
  };
}

/** Like ruby's to_i: 0 for text that is not a number. */
function integer(text: string): number {
  return Math.max(0, Number.parseInt(text, 10) || 0);
}

// A stand-in for puma with Mastodon: drains on TERM, then ends by that signal.

const { workers, threads, worker } = readOptions();
if (worker !== null) await runWorker(worker, threads);
else if (workers > 0) await runCluster(workers, threads);
else await runSingle(threads);
