import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import type { Environment } from '../../src/config/settings.ts';
import type { Machine } from '../../src/plan/machine.ts';
import { checkout, elsewhere, problemsOf, warningsOf } from './checkout.ts';

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
  const without = (path: keyof Machine['has']): Machine => checkout({ has: { ...checkout().has, [path]: false } });

  test.each<[keyof Machine['has'], Role, Environment, boolean]>([
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

const NONE_SERVES = 'no sidekiq of this dyno serves `scheduler`: exactly one process of the instance must';
const TWO_SERVE = '2 sidekiq processes serve `scheduler`: exactly one process of the instance must';
const STRICT = 'have no weights: the first starves the others';

describe('queueWarnings', () => {
  test.each<[string, Environment, string[]]>([
    ['as sidekiq.yml says', {}, []],
    ['one of two', { SIDEKIQ_PROCESSES: '10 5:default' }, []],
    ['one of two by name', { SIDEKIQ_PROCESSES: '5:scheduler 5:default' }, []],
    ['one among others', { SIDEKIQ_PROCESSES: '5:default*8,scheduler*1' }, []],
    ['forbidden', { RUN_SCHEDULE: 'false' }, [NONE_SERVES]],
    ['forbidden, several', { RUN_SCHEDULE: 'false', SIDEKIQ_PROCESSES: '10 5:default' }, [NONE_SERVES]],
    ['not named', { SIDEKIQ_PROCESSES: '5:default 5:push*6,pull*1' }, [NONE_SERVES]],
    ['twice by default', { SIDEKIQ_PROCESSES: '10 10' }, [TWO_SERVE]],
    ['by default and by name', { SIDEKIQ_PROCESSES: '10 1:scheduler' }, [TWO_SERVE]],
    ['twice by name', { SIDEKIQ_PROCESSES: '1:scheduler 1:scheduler' }, [TWO_SERVE]],
    ['three times', { SIDEKIQ_PROCESSES: '1 1 1' }, [TWO_SERVE.replace('2', '3')]],
    ['a stranger', { SIDEKIQ_PROCESSES: '10 5:defualt' }, ['config/sidekiq.yml knows no queue `defualt`']],
    [
      'strangers in two processes',
      { SIDEKIQ_PROCESSES: '10 5:x*2,y*1 5:z' },
      ['x', 'y', 'z'].map((name) => `config/sidekiq.yml knows no queue \`${name}\``),
    ],
    ['weights filled in', { SIDEKIQ_PROCESSES: '10 5:default,push' }, []],
    ['strict order', { SIDEKIQ_PROCESSES: '10 5:pull,fasp' }, [`queues pull, fasp ${STRICT}`]],
    ['one weight is enough', { SIDEKIQ_PROCESSES: '10 5:pull*1,fasp' }, []],
  ])('%s', (_, env, warnings) => {
    expect(warningsOf('worker', env)).toEqual(warnings);
    expect(warningsOf('web', { RUN_WORKER: 'true', ...env })).toEqual(warnings);
    expect(warningsOf('web', env)).toEqual([]);
  });

  test.each([
    ['none', null],
    ['one that cannot be read', ':queues: [default]\n'],
  ])('with no sidekiq.yml to compare with, %s', (_, sidekiqYml) => {
    const warnings = (SIDEKIQ_PROCESSES: string): unknown =>
      warningsOf('worker', { SIDEKIQ_PROCESSES }, checkout({ sidekiqYml }));
    expect(warnings('')).toEqual([]);
    expect(warnings('5:mine')).toEqual([NONE_SERVES]);
    expect(warnings('5:mine,yours')).toEqual([NONE_SERVES, `queues mine, yours ${STRICT}`]);
    expect(warnings('5 5')).toEqual([TWO_SERVE]);
  });

  test('a sidekiq.yml without `scheduler` serves none', () => {
    expect(warningsOf('worker', {}, checkout({ sidekiqYml: ':queues:\n  - default\n' }))).toEqual([NONE_SERVES]);
  });
});

describe('queueProblems', () => {
  const FORBIDDEN = 'SIDEKIQ_PROCESSES names the queue `scheduler`, RUN_SCHEDULE=false forbids it: change one of them';
  const NO_FILE = 'RUN_SCHEDULE=false needs the queues of config/sidekiq.yml, and /app has none';
  const UNREADABLE =
    'RUN_SCHEDULE=false: cannot read the `:queues:` of config/sidekiq.yml; name the queues in SIDEKIQ_PROCESSES';

  test.each<[string, Environment, string | null | undefined, string[]]>([
    ['a contradiction', { SIDEKIQ_PROCESSES: '10 5:scheduler' }, undefined, [FORBIDDEN]],
    ['a contradiction among others', { SIDEKIQ_PROCESSES: '5:default,scheduler*1' }, undefined, [FORBIDDEN]],
    ['no contradiction', { SIDEKIQ_PROCESSES: '10 5:default' }, undefined, []],
    ['no file', {}, null, [NO_FILE]],
    ['no file for one of two', { SIDEKIQ_PROCESSES: '10 5:default' }, null, [NO_FILE]],
    ['no file needed', { SIDEKIQ_PROCESSES: '5:default' }, null, []],
    ['a file that cannot be read', {}, ':queues: [default]\n', [UNREADABLE]],
    ['a file that need not be read', { SIDEKIQ_PROCESSES: '5:default' }, ':queues: [default]\n', []],
  ])('RUN_SCHEDULE=false: %s', (_, env, sidekiqYml, problems) => {
    const place = checkout(sidekiqYml === undefined ? {} : { sidekiqYml });
    expect(problemsOf('worker', { RUN_SCHEDULE: 'false', ...env }, place)).toEqual(problems);
    expect(problemsOf('web', { RUN_SCHEDULE: 'false', RUN_WORKER: 'true', ...env }, place)).toEqual(problems);
    expect(problemsOf('web', { RUN_SCHEDULE: 'false', ...env }, place)).toEqual([]);
    expect(problemsOf('worker', env, place)).toEqual([]);
  });
});
