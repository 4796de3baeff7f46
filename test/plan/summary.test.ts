import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import type { Environment } from '../../src/config/settings.ts';
import { summarize } from '../../src/plan/plan.ts';
import { counted } from '../../src/units.ts';
import { checkout, planFor } from './checkout.ts';

describe('summarize', () => {
  test.each<[Role, Environment, string]>([
    ['web', {}, 'web: puma (5 threads); 30 s to stop; 10 database connections'],
    [
      'web',
      { RUN_WORKER: 'true' },
      'web: puma (5 threads), sidekiq once puma is ready (5 threads); 30 s to stop; 15 database connections',
    ],
    ['web', { RUN_STREAMING: 'true' }, 'web: streaming; 30 s to stop; 10 database connections'],
    [
      'web',
      { RUN_STREAMING: 'true', RUN_WORKER: 'true', SUPERVISE_STOP_TIMEOUT: '12.5' },
      'web: streaming, sidekiq once streaming is ready (5 threads); 12.5 s to stop; 15 database connections',
    ],
    [
      'web',
      { RUN_STREAMING: 'on-demand', RUN_WORKER: 'true' },
      'web: router, puma (5 threads), streaming on demand, sidekiq once puma is ready (5 threads); 30 s to stop; 25 database connections',
    ],
    [
      'web',
      { RUN_STREAMING: 'inline' },
      'web: router, puma (5 threads), streaming; 30 s to stop; 20 database connections',
    ],
    ['web', { SUPERVISE_ROUTER: 'true' }, 'web: router, puma (5 threads); 30 s to stop; 10 database connections'],
    ['worker', { SIDEKIQ_THREADS: '1' }, 'worker: sidekiq (1 thread); 30 s to stop; 1 database connection'],
    [
      'worker',
      { SIDEKIQ_PROCESSES: '10 5:default' },
      'worker: sidekiq-1 (10 threads), sidekiq-2 (5 threads); 30 s to stop; 15 database connections',
    ],
    ['release', {}, 'release: migrate, then after-migrate'],
    ['worker', { RUN_STREAMING: 'on-demand' }, 'worker: sidekiq (5 threads); 30 s to stop; 5 database connections'],
    ['release', { RUN_STREAMING: 'inline' }, 'release: migrate, then after-migrate'],
    ['release', { RUN_STREAMING: 'true' }, 'Not migrating on this app'],
  ])('%s with %o', (role, env, text) => {
    expect(summarize(planFor(role, env, checkout()))).toBe(text);
  });
});

test.each([
  [0, '0 threads'],
  [1, '1 thread'],
  [2, '2 threads'],
])('counted: %i', (count, text) => {
  expect(counted(count, 'thread')).toBe(text);
});
