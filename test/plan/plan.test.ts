import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import { ConfigError } from '../../src/exit-status.ts';
import type { Environment } from '../../src/config/settings.ts';
import type { ChildSpec, Plan } from '../../src/plan/spec.ts';
import { checkout, child, elsewhere, problemsOf, serving, planFor } from './checkout.ts';

type Runs = Record<Role, string>;

const ALL = 'sidekiq[sidekiq.yml]';
const NOT_SCHEDULER = 'sidekiq[default*8 push*6 ingress*4 mailers*2 pull fasp]';
const MIGRATES = 'migrate, after-migrate';
const NO_MIGRATION = 'Not migrating on this app';

/** The meaning of RUN_STREAMING, RUN_WORKER and RUN_SCHEDULE, and what each process type runs. */
const COMBINATIONS: [streaming: boolean, worker: boolean, schedule: boolean, Runs][] = [
  [false, false, true, { web: 'puma', worker: ALL, release: MIGRATES }],
  [false, false, false, { web: 'puma', worker: NOT_SCHEDULER, release: MIGRATES }],
  [false, true, true, { web: `puma, then ${ALL}`, worker: ALL, release: MIGRATES }],
  [false, true, false, { web: `puma, then ${NOT_SCHEDULER}`, worker: NOT_SCHEDULER, release: MIGRATES }],
  [true, false, true, { web: 'streaming', worker: ALL, release: NO_MIGRATION }],
  [true, false, false, { web: 'streaming', worker: NOT_SCHEDULER, release: NO_MIGRATION }],
  [true, true, true, { web: `streaming, then ${ALL}`, worker: ALL, release: NO_MIGRATION }],
  [true, true, false, { web: `streaming, then ${NOT_SCHEDULER}`, worker: NOT_SCHEDULER, release: NO_MIGRATION }],
];

const NOT_EXACTLY_TRUE = [undefined, '', 'false', 'True', 'TRUE', '1', 'yes', ' true', 'true ', '"true"', 'truetrue'];
const NOT_EXACTLY_FALSE = [undefined, '', 'true', 'False', 'FALSE', '0', 'no', ' false', 'false ', 'web'];

describe.each(COMBINATIONS)('RUN_STREAMING %s, RUN_WORKER %s, RUN_SCHEDULE %s', (streaming, worker, schedule, runs) => {
  const environments = spellings(streaming, worker, schedule);

  test.each<Role>(['web', 'worker', 'release'])('%s, with every spelling of the three variables', (role) => {
    const found = new Set(environments.map((env) => shape(planFor(role, env, checkout()))));
    expect([...found]).toEqual([runs[role]]);
  });
});

test('the environments cover every combination of spellings once', () => {
  const environments = COMBINATIONS.flatMap(([streaming, worker, schedule]) => spellings(streaming, worker, schedule));
  const yesOrNo = NOT_EXACTLY_TRUE.length + 1;
  expect(new Set(environments.map((env) => JSON.stringify(env))).size).toBe(
    yesOrNo * yesOrNo * (NOT_EXACTLY_FALSE.length + 1),
  );
});

describe('start and stop', () => {
  test.each([
    ['RUN_WORKER alone', {}, 'puma', 45_000],
    ['streaming first', { RUN_STREAMING: 'true' }, 'streaming', 45_000],
    ['SUPERVISE_START_TIMEOUT', { SUPERVISE_START_TIMEOUT: '90' }, 'puma', 90_000],
  ])('%s: sidekiq waits for the server', (_, env, afterReady, timeoutMs) => {
    const plan = serving('web', { RUN_WORKER: 'true', ...env });
    expect(child(plan, afterReady).start).toBe('at-once');
    expect(child(plan, 'sidekiq').start).toEqual({ afterReady, timeoutMs });
  });

  test('without a start timeout, sidekiq starts with the server', () => {
    const plan = serving('web', { RUN_WORKER: 'true', SUPERVISE_START_TIMEOUT: '0' });
    expect(plan.children.map(({ start }) => start)).toEqual(['at-once', 'at-once']);
  });

  test('every sidekiq process of a web dyno waits, those of a worker do not', () => {
    const env = { RUN_WORKER: 'true', SIDEKIQ_PROCESSES: '10 5:default' };
    const starts = (role: Role): unknown[] => serving(role, env).children.map(({ start }) => start);
    const later = { afterReady: 'puma', timeoutMs: 45_000 };
    expect(starts('web')).toEqual(['at-once', later, later]);
    expect(starts('worker')).toEqual(['at-once', 'at-once']);
  });

  test.each([
    [{}, 30_000, 28_500, 29_700],
    [{ SUPERVISE_STOP_TIMEOUT: '60' }, 60_000, 58_500, 59_700],
    [{ SUPERVISE_STOP_TIMEOUT: '10.5' }, 10_500, 9000, 10_200],
    [{ SUPERVISE_STOP_TIMEOUT: '2' }, 2000, 500, 1700],
  ])(
    '%o: remaining processes are killed 1.5 s before the platform would kill them',
    (env, budgetMs, killAfterMs, exitAfterMs) => {
      const stop = { budgetMs, killAfterMs, exitAfterMs };
      expect(serving('web', env).stop).toEqual(stop);
      expect(planFor('release', env, checkout())).toMatchObject({ stop });
    },
  );
});

describe('problems', () => {
  test('are reported together: settings, folder and queues', () => {
    const env = { PORT: 'http', MAX_THREADS: '0', RUN_WORKER: 'true', RUN_SCHEDULE: 'false' };
    expect(problemsOf('web', env, elsewhere())).toEqual([
      'MAX_THREADS="0": expected a whole number from 1 to 999',
      'PORT="http": expected a whole number from 1 to 65535',
      expect.stringContaining('no config/puma.rb in /home/me'),
      expect.stringContaining('no config/environment.rb in /home/me'),
      expect.stringContaining('RUN_SCHEDULE=false needs the queues in config/sidekiq.yml'),
    ]);
  });

  test('are one error with its own code and one line for each problem', () => {
    const plan = (): Plan => planFor('web', { PORT: 'x', DB_POOL: 'y' }, checkout());
    expect(plan).toThrow(ConfigError);
    expect(plan).toThrow(expect.objectContaining({ code: 'SUPERVISE_CONFIG' }));
    expect(plan).toThrow(/^DB_POOL="y": .*\nPORT="x": .*$|^PORT="x": .*\nDB_POOL="y": .*$/);
  });

  test.each<[Role, Environment]>([
    ['web', {}],
    ['worker', {}],
    ['release', {}],
    ['release', { RUN_STREAMING: 'true' }],
  ])('an invalid variable is a problem for %s with %o, even if it is not used', (role, env) => {
    expect(problemsOf(role, { ...env, SIDEKIQ_THREADS: 'many' })).toEqual([
      'SIDEKIQ_THREADS="many": expected a whole number from 1 to 999',
    ]);
  });

  test('unknown queues are no problem for a dyno without sidekiq', () => {
    expect(problemsOf('web', { RUN_SCHEDULE: 'false' }, checkout({ sidekiqYml: null }))).toEqual([]);
  });
});

function spellings(streaming: boolean, worker: boolean, schedule: boolean): Environment[] {
  return (streaming ? ['true'] : NOT_EXACTLY_TRUE).flatMap((RUN_STREAMING) =>
    (worker ? ['true'] : NOT_EXACTLY_TRUE).flatMap((RUN_WORKER) =>
      (schedule ? NOT_EXACTLY_FALSE : ['false']).map((RUN_SCHEDULE) => ({ RUN_STREAMING, RUN_WORKER, RUN_SCHEDULE })),
    ),
  );
}

function shape(plan: Plan): string {
  switch (plan.kind) {
    case 'nothing':
      return plan.reason;
    case 'release':
      return plan.steps.map(({ name }) => name).join(', ');
    case 'serve':
      return plan.children
        .map((spec) => `${spec.start === 'at-once' ? '' : 'then '}${spec.name}${queues(spec)}`)
        .join(', ');
  }
}

/** The queues on the command line, as sidekiq reads them. */
function queues({ kind, command }: ChildSpec): string {
  if (kind !== 'sidekiq') return '';
  const names = command.filter((_, index) => command[index - 1] === '-q').map((word) => word.replace(',', '*'));
  return `[${names.length === 0 ? 'sidekiq.yml' : names.join(' ')}]`;
}
