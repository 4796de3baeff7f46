import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import type { Environment } from '../../src/config/settings.ts';
import type { Machine } from '../../src/plan/machine.ts';
import { checkout, elsewhere, problemsOf, warningsOf } from './checkout.ts';

function problem(path: string, command: string, variable: string, folder = '/home/me'): string {
  return `no ${path} in ${folder}: \`${command}\` needs a Mastodon checkout; run mstdn-supervise in one, or set ${variable}`;
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

  test('an invalid command is the only problem', () => {
    expect(problemsOf('web', { PUMA_COMMAND: '"' }, elsewhere())).toEqual([
      'PUMA_COMMAND="\\"": expected a command line, found an unclosed "',
    ]);
  });
});

describe('in an incomplete checkout', () => {
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
    expect(problems.every((line) => line.startsWith(`no ${path} in /app: `))).toBe(true);
  });
});

const NONE_SERVES =
  'no sidekiq process of this dyno serves the queue `scheduler`; exactly one process of the instance must serve it';
const TWO_SERVE = '2 sidekiq processes serve the queue `scheduler`; exactly one process of the instance must serve it';
const STRICT = 'have no weights: each waits until those before it are empty';

describe('queueWarnings', () => {
  test.each<[string, Environment, string[]]>([
    ['all queues of sidekiq.yml', {}, []],
    ['one of two processes', { SIDEKIQ_PROCESSES: '10 5:default' }, []],
    ['one of two processes by name', { SIDEKIQ_PROCESSES: '5:scheduler 5:default' }, []],
    ['among other queues', { SIDEKIQ_PROCESSES: '5:default*8,scheduler*1' }, []],
    ['excluded', { RUN_SCHEDULE: 'false' }, [NONE_SERVES]],
    ['excluded, several processes', { RUN_SCHEDULE: 'false', SIDEKIQ_PROCESSES: '10 5:default' }, [NONE_SERVES]],
    ['not named', { SIDEKIQ_PROCESSES: '5:default 5:push*6,pull*1' }, [NONE_SERVES]],
    ['twice by default', { SIDEKIQ_PROCESSES: '10 10' }, [TWO_SERVE]],
    ['by default and by name', { SIDEKIQ_PROCESSES: '10 1:scheduler' }, [TWO_SERVE]],
    ['twice by name', { SIDEKIQ_PROCESSES: '1:scheduler 1:scheduler' }, [TWO_SERVE]],
    ['three times', { SIDEKIQ_PROCESSES: '1 1 1' }, [TWO_SERVE.replace('2', '3')]],
    [
      'an unknown queue',
      { SIDEKIQ_PROCESSES: '10 5:defualt' },
      ['SIDEKIQ_PROCESSES: config/sidekiq.yml has no queue `defualt`'],
    ],
    [
      'unknown queues in two processes',
      { SIDEKIQ_PROCESSES: '10 5:x*2,y*1 5:z' },
      ['x', 'y', 'z'].map((name) => `SIDEKIQ_PROCESSES: config/sidekiq.yml has no queue \`${name}\``),
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
    ['no sidekiq.yml', null],
    ['an unreadable sidekiq.yml', ':queues: [default]\n'],
  ])('%s: queues are not compared with it', (_, sidekiqYml) => {
    const warnings = (SIDEKIQ_PROCESSES: string): unknown =>
      warningsOf('worker', { SIDEKIQ_PROCESSES }, checkout({ sidekiqYml }));
    expect(warnings('')).toEqual([]);
    expect(warnings('5:mine')).toEqual([NONE_SERVES]);
    expect(warnings('5:mine,yours')).toEqual([NONE_SERVES, `queues mine, yours ${STRICT}`]);
    expect(warnings('5 5')).toEqual([TWO_SERVE]);
  });

  test('a sidekiq.yml without `scheduler`', () => {
    expect(warningsOf('worker', {}, checkout({ sidekiqYml: ':queues:\n  - default\n' }))).toEqual([NONE_SERVES]);
  });
});

describe('queueProblems', () => {
  const FORBIDDEN =
    'SIDEKIQ_PROCESSES names the queue `scheduler`, but RUN_SCHEDULE=false excludes it; change one of them';
  const NO_FILE = 'RUN_SCHEDULE=false needs the queues in config/sidekiq.yml, but /app has no such file';
  const UNREADABLE =
    'RUN_SCHEDULE=false: cannot read `:queues:` in config/sidekiq.yml; list the queues in SIDEKIQ_PROCESSES';

  test.each<[string, Environment, string | null | undefined, string[]]>([
    ['a contradiction', { SIDEKIQ_PROCESSES: '10 5:scheduler' }, undefined, [FORBIDDEN]],
    ['a contradiction among others', { SIDEKIQ_PROCESSES: '5:default,scheduler*1' }, undefined, [FORBIDDEN]],
    ['no contradiction', { SIDEKIQ_PROCESSES: '10 5:default' }, undefined, []],
    ['no file', {}, null, [NO_FILE]],
    ['no file for one of two', { SIDEKIQ_PROCESSES: '10 5:default' }, null, [NO_FILE]],
    ['no file needed', { SIDEKIQ_PROCESSES: '5:default' }, null, []],
    ['an unreadable file', {}, ':queues: [default]\n', [UNREADABLE]],
    ['an unreadable file that is not needed', { SIDEKIQ_PROCESSES: '5:default' }, ':queues: [default]\n', []],
  ])('RUN_SCHEDULE=false: %s', (_, env, sidekiqYml, problems) => {
    const machine = checkout(sidekiqYml === undefined ? {} : { sidekiqYml });
    expect(problemsOf('worker', { RUN_SCHEDULE: 'false', ...env }, machine)).toEqual(problems);
    expect(problemsOf('web', { RUN_SCHEDULE: 'false', RUN_WORKER: 'true', ...env }, machine)).toEqual(problems);
    expect(problemsOf('web', { RUN_SCHEDULE: 'false', ...env }, machine)).toEqual([]);
    expect(problemsOf('worker', env, machine)).toEqual([]);
  });
});
