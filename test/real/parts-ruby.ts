import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDyno, type Dyno } from '../harness/dyno.ts';
import type { Part, Worker } from '../simulator/part.ts';
import { checkout } from './instance.ts';
import { enqueue } from './jobs.ts';
import type { Postgres, Redis } from './services.ts';

/** Sleeps in the middle of the boot of the app. Another thread prints a line once it sleeps: puma 5 exits with 1 if a signal arrives
 * while its main thread writes. */
const SLOW_BOOT = `if ENV['SLOW_BOOT']
  boot = Thread.current
  Thread.new do
    Thread.pass until boot.stop?
    $stdout.syswrite "a slow boot\\n"
  end
  sleep
end
`;
const slow = { slowBoot: { SLOW_BOOT: 'true' }, saysFirst: /a slow boot/ };

const PRODUCTION = { RAILS_ENV: 'production', DATABASE_URL: 'postgres://app@localhost:1/nothing' };

/** The puma of this machine, with Rails behind it. */
export function realPuma(): Part {
  return {
    ...slow,
    folder,
    start: startCommand(['puma', '-C', 'config/puma.rb'], () => ({ REDIS_URL: 'redis://localhost:1' })),
  };
}

/** The sidekiq of this machine; its jobs come from the Redis that `redis` gives. */
export function realSidekiq(redis: () => Redis): Worker {
  // A title is limited to the length of the command line, and begins with the tag: with a short tag the busy count is visible.
  const start = startCommand(['sidekiq', '-g', 'app'], () => ({ REDIS_URL: redis().url }));
  return {
    ...slow,
    folder,
    start,
    startBusy: async (jobSeconds, args, env, cwd) => {
      for (const queue of ['default', 'push', 'fasp']) enqueue(redis(), 20, 'RecordedWorker', jobSeconds, queue);
      const dyno = start(args, env, cwd);
      await dyno.waitForOutput(/INFO: start/);
      return dyno;
    },
  };
}

/** rails and rake of this machine, each time on an empty database. */
export function realRails(postgres: Postgres): Part {
  let count = 0;
  const start = startCommand(['rails'], () => ({ DATABASE_URL: postgres.create(`empty_${++count}`).url }));
  return { folder, start, slowBoot: { SLOW_MIGRATION: 'true' }, saysFirst: /SlowMigration: migrating/ };
}

export function failing(task: string): Record<string, string> {
  return { FAILING_TASK: task };
}

/** A checkout whose boot or second migration is slow or fails if the environment says so. */
function folder(): string {
  const path = checkout();
  writeFileSync(join(path, 'config/initializers/slow_boot.rb'), SLOW_BOOT);
  const up = ["sleep if ENV['SLOW_MIGRATION']", "raise 'told to fail' if ENV['FAILING_TASK'] == 'db:migrate'"];
  const lines = ['class SlowMigration < ActiveRecord::Migration[6.1]', 'def up', ...up, 'end', 'end', ''];
  writeFileSync(join(path, 'db/migrate/20260102000000_slow_migration.rb'), lines.join('\n'));
  const runner = "raise 'told to fail' if ENV['FAILING_TASK'] == 'runner'\n";
  writeFileSync(join(path, 'config/initializers/failing_task.rb'), runner);
  return path;
}

function startCommand(words: readonly string[], environment: () => Record<string, string>): Part['start'] {
  return (args = [], env = {}, cwd = folder()): Dyno =>
    startDyno({
      command: ['bundle', 'exec', ...words, ...args],
      env: { ...PRODUCTION, ...environment(), ...env },
      cwd,
    });
}
