import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDyno, type Dyno } from '../harness/dyno.ts';
import type { Part, Worker } from '../simulator/part.ts';
import { checkout } from './instance.ts';
import { enqueue } from './jobs.ts';
import type { Postgres, Redis } from './services.ts';

/** Sleeps while the app is loaded, in the middle of its boot; says so once it sleeps, by another thread: puma 5 dies with 1 of a
 * signal that its main thread hears while it writes a line. */
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

const PRODUCTION = { RAILS_ENV: 'production', DATABASE_URL: 'postgres://nobody@localhost:1/nothing' };

/** The puma of this machine, with Rails behind it. */
export function realPuma(): Part {
  return {
    ...slow,
    folder,
    start: starting(['puma', '-C', 'config/puma.rb'], () => ({ REDIS_URL: 'redis://localhost:1' })),
  };
}

/** The sidekiq of this machine; its jobs come from the Redis that `redis` gives. */
export function realSidekiq(redis: () => Redis): Worker {
  // Its title starts with a tag and has no more room than its command line: a short one, and the busy count is to be seen.
  const start = starting(['sidekiq', '-g', 'app'], () => ({ REDIS_URL: redis().url }));
  return {
    ...slow,
    folder,
    start,
    startBusy: async (jobSeconds, args, env, cwd) => {
      for (const queue of ['default', 'push', 'fasp']) enqueue(redis(), 20, 'RecordedWorker', jobSeconds, queue);
      const dyno = start(args, env, cwd);
      await dyno.says(/INFO: start/);
      return dyno;
    },
  };
}

/** rails and rake of this machine, each time on an empty database. */
export function realRails(postgres: Postgres): Part {
  let count = 0;
  const start = starting(['rails'], () => ({ DATABASE_URL: postgres.create(`empty_${++count}`).url }));
  return { folder, start, slowBoot: { SLOW_MIGRATION: 'true' }, saysFirst: /SlowMigration: migrating/ };
}

export function failing(task: string): Record<string, string> {
  return { FAILING_TASK: task };
}

/** A checkout that boots slowly, and whose second migration is slow or fails, where it is told to. */
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

function starting(words: readonly string[], own: () => Record<string, string>): Part['start'] {
  return (args = [], env = {}, cwd = folder()): Dyno =>
    startDyno({ command: ['bundle', 'exec', ...words, ...args], env: { ...PRODUCTION, ...own(), ...env }, cwd });
}
