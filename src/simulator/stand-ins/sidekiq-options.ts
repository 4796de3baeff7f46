import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { knobs } from './knobs.ts';

/** `queues` names a queue as often as its weight says. An option or a file that does not exist ends sidekiq with 1. */
export type SidekiqOptions = { threads: number; timeoutMs: number; queues: readonly string[] };

export function readOptions(): SidekiqOptions {
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
    // What the command line says is the admin's, or our supervisor's, and stays as it is.
    timeoutMs: values.timeout === undefined ? knobs.scaledMs(25_000) : integer(values.timeout) * 1000,
    queues: queues.flatMap(weighted),
  };
}

/** The `- [push, 6]` lines of the file, as `push,6`; without them sidekiq serves `default`. */
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
