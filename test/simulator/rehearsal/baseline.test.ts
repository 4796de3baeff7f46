import { expect, test } from 'vitest';
import { isReady } from '../../../src/simulator/rehearsal/baseline.ts';
import type { RunView } from '../../../src/simulator/simulation.ts';

/** One process of a life that is up. */
function run(label: string, title: string): RunView {
  const processes = [{ pid: 7, depth: 0, label, title, bytes: 1 }];
  return { id: 1, phase: 'up', startedAtMs: 0, port: null, bytes: 1, processes };
}

// As the real ones were seen: a title has no more room than the command line had.
test.each([
  ['sidekiq', 'ruby /usr/bin/bundle exec sidekiq', false],
  ['sidekiq', 'sidekiq 6.4.1 mastodon [0 of 25 busy]', true],
  ['sidekiq', 'sidekiq 6.4.1 mstdn-supervise-tes', true],
  ['puma', 'ruby /usr/bin/bundle exec puma -C config/puma.rb', false],
  ['puma', 'puma 5.6.5 (tcp://127.0.0.1:35959) [mstdn-su', true],
  ['supervisor', 'node /app/mstdn-supervise web', true],
])('%s as "%s" is at work: %s', (label, title, isAtWork) => {
  expect(isReady(run(label, title))).toBe(isAtWork);
});
