import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import type { Place } from '../../src/plan/place.ts';
import type { Environment } from '../../src/plan/settings.ts';
import { checkout, elsewhere, problemsOf } from './checkout.ts';

function problem(path: string, command: string, variable: string, folder = '/home/me'): string {
  return `no ${path} in ${folder}, so this is no Mastodon checkout and \`${command}\` cannot work: start there, or set ${variable}`;
}

const PUMA = problem('config/puma.rb', 'bundle exec puma -C config/puma.rb', 'PUMA_COMMAND');
const SIDEKIQ = problem('config/environment.rb', 'bundle exec sidekiq', 'SIDEKIQ_COMMAND');
const STREAMING = problem('streaming', 'node ./streaming', 'STREAMING_COMMAND');
const MIGRATE = problem('config/environment.rb', 'bundle exec rails db:migrate', 'MIGRATE_COMMAND');
const AFTER_MIGRATE = problem(
  'config/environment.rb',
  'bundle exec rails runner Rails.cache.clear',
  'AFTER_MIGRATE_COMMAND',
);

describe('outside a Mastodon checkout', () => {
  test.each<[Role, Environment, string[]]>([
    ['web', {}, [PUMA]],
    ['web', { RUN_WORKER: 'true' }, [PUMA, SIDEKIQ]],
    ['web', { RUN_STREAMING: 'true' }, [STREAMING]],
    ['web', { RUN_STREAMING: 'true', RUN_WORKER: 'true' }, [STREAMING, SIDEKIQ]],
    ['web', { RUN_STREAMING: 'inline' }, [PUMA, STREAMING]],
    ['web', { RUN_STREAMING: 'on-demand', RUN_WORKER: 'true' }, [PUMA, STREAMING, SIDEKIQ]],
    ['web', { RUN_STREAMING: 'on-demand', PUMA_COMMAND: './puma' }, [STREAMING]],
    ['web', { RUN_STREAMING: 'on-demand', STREAMING_COMMAND: './streaming' }, [PUMA]],
    ['web', { SUPERVISE_ROUTER: 'true' }, [PUMA]],
    ['worker', {}, [SIDEKIQ]],
    ['worker', { SIDEKIQ_PROCESSES: '5 5:default' }, [SIDEKIQ]],
    ['release', {}, [MIGRATE, AFTER_MIGRATE]],
    ['release', { RUN_STREAMING: 'true' }, []],
    ['release', { RUN_STREAMING: 'on-demand' }, [MIGRATE, AFTER_MIGRATE]],
    ['web', { PUMA_COMMAND: './puma' }, []],
    ['web', { PUMA_COMMAND: '' }, [PUMA]],
    ['web', { PUMA_COMMAND: './puma', RUN_WORKER: 'true' }, [SIDEKIQ]],
    ['web', { PUMA_COMMAND: './puma', SIDEKIQ_COMMAND: './sidekiq', RUN_WORKER: 'true' }, []],
    ['web', { STREAMING_COMMAND: './streaming', RUN_STREAMING: 'true' }, []],
    ['worker', { SIDEKIQ_COMMAND: './sidekiq' }, []],
    ['release', { MIGRATE_COMMAND: './migrate' }, [AFTER_MIGRATE]],
    ['release', { AFTER_MIGRATE_COMMAND: 'true' }, [MIGRATE]],
    ['release', { MIGRATE_COMMAND: './migrate', AFTER_MIGRATE_COMMAND: 'true' }, []],
  ])('%s with %o', (role, env, problems) => {
    expect(problemsOf(role, env, elsewhere())).toEqual(problems);
    expect(problemsOf(role, env)).toEqual([]);
  });

  test('a command that cannot be read is the one problem', () => {
    expect(problemsOf('web', { PUMA_COMMAND: '"' }, elsewhere())).toEqual([
      'PUMA_COMMAND="\\"": expected a command line as a shell reads it, not an unclosed "',
    ]);
  });
});

describe('in a checkout that lacks a part', () => {
  const without = (path: keyof Place['has']): Place => checkout({ has: { ...checkout().has, [path]: false } });

  test.each<[keyof Place['has'], Role, Environment, boolean]>([
    ['config/puma.rb', 'web', {}, true],
    ['config/puma.rb', 'web', { RUN_STREAMING: 'true' }, false],
    ['config/puma.rb', 'worker', {}, false],
    ['config/puma.rb', 'release', {}, false],
    ['config/environment.rb', 'web', {}, false],
    ['config/environment.rb', 'web', { RUN_WORKER: 'true' }, true],
    ['config/environment.rb', 'worker', {}, true],
    ['config/environment.rb', 'release', {}, true],
    ['streaming', 'web', {}, false],
    ['streaming', 'web', { RUN_STREAMING: 'true' }, true],
    ['streaming', 'web', { RUN_STREAMING: 'inline' }, true],
    ['streaming', 'web', { RUN_STREAMING: 'on-demand' }, true],
    ['streaming', 'web', { SUPERVISE_ROUTER: 'true' }, false],
    ['streaming', 'worker', { RUN_STREAMING: 'true' }, false],
    ['streaming', 'worker', { RUN_STREAMING: 'on-demand' }, false],
  ])('no %s: %s with %o, a problem: %s', (path, role, env, isProblem) => {
    const problems = problemsOf(role, env, without(path));
    expect(problems.length > 0).toBe(isProblem);
    expect(problems.every((line) => line.startsWith(`no ${path} in /app, `))).toBe(true);
  });
});
