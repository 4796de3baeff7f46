// Behaves as a puma with Mastodon behind it: drains on TERM, then ends by that signal.
import { cluster } from './puma-cluster.ts';
import { readOptions } from './puma-options.ts';
import { single } from './puma-single.ts';
import { work } from './puma-worker.ts';

const { workers, threads, worker } = readOptions();
if (worker !== null) await work(worker, threads);
else if (workers > 0) await cluster(workers, threads);
else await single(threads);
