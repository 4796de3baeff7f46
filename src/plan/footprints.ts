import type { ChildKind } from './spec.ts';

/** Bytes. */
const MIB = 2 ** 20;

/** Ourselves: 6 to 8 MB private after the start, measured on Node 24, and room for what is in hand. */
const OWN = 10 * MIB;
/** Its code, and a buffer or two for each connection that is at work. */
const ROUTER = 4 * MIB;

export function ownBytes(hasRouter: boolean): number {
  return hasRouter ? OWN + ROUTER : OWN;
}

/** A Mastodon of one person after a week: web 362 MiB (a master with two workers of five threads), sidekiq 385 MiB (25
 * threads), https://github.com/mastodon/chart/pull/14. How that is shared out is measured with the Rails app of our
 * tests, where a single process holds 52 % of what a master and two workers hold, each worker 29 %, and where each thread
 * of sidekiq adds 0.4 %; PSS, MALLOC_ARENA_MAX=2. */
const SINGLE_PUMA = 190 * MIB;
const PUMA_MASTER = 152 * MIB;
const PUMA_WORKER = 105 * MIB;
const SIDEKIQ = 350 * MIB;
const SIDEKIQ_THREAD = 1.4 * MIB;
/** The server of 2026 at rest: 175 MB RSS, 123 MB of it private, measured. */
const STREAMING = 123 * MIB;

/** What a child is expected to hold when it is at work, in bytes, shared pages counted once. */
export function expectedBytes(kind: ChildKind, threads: number, workers: number): number {
  switch (kind) {
    case 'puma':
      return workers === 0 ? SINGLE_PUMA : PUMA_MASTER + workers * PUMA_WORKER;
    case 'sidekiq':
      return Math.round(SIDEKIQ + threads * SIDEKIQ_THREAD);
    case 'streaming':
      return STREAMING;
  }
}
