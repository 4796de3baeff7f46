import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** worker: the number of the worker that this process is, null for the first process of a puma. */
export type PumaOptions = { workers: number; threads: number; worker: number | null };

/** The command line, and what Mastodon's config/puma.rb reads. An option or a file that does not exist ends puma with 1. */
export function readOptions(): PumaOptions {
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

/** As ruby's to_i: what is no number is 0. */
function integer(text: string): number {
  return Math.max(0, Number.parseInt(text, 10) || 0);
}
