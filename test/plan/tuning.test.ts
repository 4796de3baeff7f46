import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import type { Environment } from '../../src/config/settings.ts';
import type { Machine } from '../../src/plan/machine.ts';
import { checkout, child, quota, serving, warningsOf, planFor } from './checkout.ts';

const JEMALLOC = '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2';
const small = checkout({ quota: quota('512M'), jemalloc: JEMALLOC });
const unknown = checkout({ quota: null, jemalloc: JEMALLOC });

/** The tuning variables of a child, as NAME=value. */
function tuningOf(role: Role, name: string, env: Environment, machine: Machine): string[] {
  const { tuning, env: childEnv } = child(serving(role, env, machine), name);
  expect(childEnv).toMatchObject(Object.fromEntries(tuning.map(({ variable, value }) => [variable, value])));
  return tuning.map(({ variable, value }) => `${variable}=${value}`);
}

const IMAGES = [
  'MAGICK_MEMORY_LIMIT=256MiB',
  'MAGICK_MAP_LIMIT=256MiB',
  'VIPS_CONCURRENCY=1',
  'VIPS_DISC_THRESHOLD=51m',
];
const HEAP = [
  'RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08',
  'RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15',
  'RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30',
];
const JEMALLOC_CONF = 'MALLOC_CONF=narenas:2,dirty_decay_ms:1000';

test('variables for a small dyno', () => {
  expect(tuningOf('web', 'puma', {}, small)).toEqual(['MALLOC_ARENA_MAX=2', ...HEAP, 'WEB_CONCURRENCY=0', ...IMAGES]);
  expect(tuningOf('worker', 'sidekiq', {}, small)).toEqual(['MALLOC_ARENA_MAX=2', ...HEAP, ...IMAGES]);
  expect(tuningOf('web', 'streaming', { RUN_STREAMING: 'true' }, small)).toEqual([
    'NODE_OPTIONS=--max-old-space-size=256',
  ]);
});

test('without a quota: only the variables that need none', () => {
  expect(tuningOf('web', 'puma', {}, unknown)).toEqual(['MALLOC_ARENA_MAX=2', ...HEAP]);
  expect(tuningOf('worker', 'sidekiq', {}, unknown)).toEqual(['MALLOC_ARENA_MAX=2', ...HEAP]);
  expect(tuningOf('web', 'streaming', { RUN_STREAMING: 'true' }, unknown)).toEqual([]);
});

test('each of several sidekiq processes gets them', () => {
  const { children } = serving('worker', { SIDEKIQ_PROCESSES: '5 1:default' }, small);
  expect(children.map(({ tuning }) => tuning.map(({ variable }) => variable))).toEqual(
    [0, 1].map(() => ['MALLOC_ARENA_MAX', ...[...HEAP, ...IMAGES].map((text) => text.split('=')[0])]),
  );
});

test('each variable has a reason', () => {
  const env = { RUN_WORKER: 'true', JEMALLOC_ENABLED: 'true' };
  const all = [env, { RUN_STREAMING: 'true' }, {}].flatMap((settings) =>
    serving('web', settings, small).children.flatMap(({ tuning }) => tuning),
  );
  expect(new Set(all.map(({ variable }) => variable)).size).toBe(12);
  expect(all.filter(({ reason }) => !/^.{15,}[^.]$/.test(reason))).toEqual([]);
});

describe('a variable that is set is not changed, an empty value counts as unset', () => {
  test.each([
    ['MALLOC_ARENA_MAX', '0'],
    ['WEB_CONCURRENCY', '3'],
    ['MAGICK_MEMORY_LIMIT', '64MiB'],
    ['MAGICK_MAP_LIMIT', '0'],
    ['VIPS_CONCURRENCY', '4'],
    ['VIPS_DISC_THRESHOLD', '1g'],
  ])('%s=%s', (variable, value) => {
    const all = tuningOf('web', 'puma', {}, small);
    const others = tuningOf('web', 'puma', { [variable]: value }, small);
    expect(others).toEqual(all.filter((text) => !text.startsWith(`${variable}=`)));
    expect(others).toHaveLength(all.length - 1);
    expect(child(serving('web', { [variable]: value }, small), 'puma').env).not.toHaveProperty(variable);
    expect(tuningOf('web', 'puma', { [variable]: '' }, small)).toEqual(all);
  });
});

describe('WEB_CONCURRENCY', () => {
  test.each([
    [2 ** 24, true],
    [512 * 2 ** 20, true],
    [512 * 2 ** 20 + 1, false],
    [2 ** 30, false],
  ])('a quota of %i bytes: single mode is %s', (bytes, single) => {
    const machine = checkout({ quota: { ...quota('512M'), bytes } });
    expect(tuningOf('web', 'puma', {}, machine).includes('WEB_CONCURRENCY=0')).toBe(single);
    expect(child(serving('web', {}, machine), 'puma').memory.workers).toBe(single ? 0 : 2);
  });

  test('sets the number of workers', () => {
    expect(child(serving('web', { WEB_CONCURRENCY: '3' }, small), 'puma').memory.workers).toBe(3);
  });
});

describe('WEB_CONCURRENCY set by a buildpack', () => {
  const marked = (WEB_CONCURRENCY: string, WEB_CONCURRENCY_SET_BY: string): Environment => ({
    WEB_CONCURRENCY,
    WEB_CONCURRENCY_SET_BY,
  });

  test.each([
    ['512M', '1', 'heroku/nodejs', 0],
    ['512M', '1', 'scalingo/nodejs', 0],
    ['512M', 'auto', 'heroku/nodejs', 0],
    ['1G', '5', 'heroku/nodejs', 2],
    ['512M', '2', 'heroku/ruby', 2],
    ['512M', '1', 'someone/nodejs', 1],
    ['512M', '1', '', 1],
  ] as const)('on %s, %s marked "%s": %i workers', (size, value, marker, workers) => {
    const plan = serving('web', marked(value, marker), checkout({ quota: quota(size) }));
    expect(child(plan, 'puma').memory.workers).toBe(workers);
  });

  test.each(['heroku/nodejs', 'scalingo/nodejs'])('%s: puma gets neither the value nor the marker', (marker) => {
    const single = child(serving('web', marked('1', marker), small), 'puma');
    expect(single.env).toMatchObject({ WEB_CONCURRENCY: '0', WEB_CONCURRENCY_SET_BY: null });
    const large = checkout({ quota: quota('1G') });
    const cluster = child(serving('web', marked('2', marker), large), 'puma');
    expect(cluster.env).toMatchObject({ WEB_CONCURRENCY: null, WEB_CONCURRENCY_SET_BY: null });
  });

  test("leaves the user's own value in the environment of puma", () => {
    const { env } = child(serving('web', marked('1', 'heroku/ruby'), small), 'puma');
    expect(env).not.toHaveProperty('WEB_CONCURRENCY');
    expect(env).not.toHaveProperty('WEB_CONCURRENCY_SET_BY');
  });

  test('does not count in the budget', () => {
    const { budget } = serving('web', marked('5', 'heroku/nodejs'), small);
    expect(budget.database.max).toBe(5);
  });
});

describe('images', () => {
  test.each<['256M' | '512M' | '1G' | '2.5G', string[]]>([
    [
      '256M',
      ['MAGICK_MEMORY_LIMIT=128MiB', 'MAGICK_MAP_LIMIT=128MiB', 'VIPS_CONCURRENCY=1', 'VIPS_DISC_THRESHOLD=25m'],
    ],
    ['512M', IMAGES],
    ['1G', ['MAGICK_MEMORY_LIMIT=512MiB', 'MAGICK_MAP_LIMIT=512MiB', 'VIPS_CONCURRENCY=1']],
    ['2.5G', ['MAGICK_MEMORY_LIMIT=1280MiB', 'MAGICK_MAP_LIMIT=1280MiB', 'VIPS_CONCURRENCY=1']],
  ])('with a quota of %s', (size, expected) => {
    const machine = checkout({ quota: quota(size) });
    expect(tuningOf('worker', 'sidekiq', { MALLOC_ARENA_MAX: '2' }, machine)).toEqual([...HEAP, ...expected]);
  });
});

describe('allocator', () => {
  test.each<[string, Environment, string | null, string[]]>([
    ['glibc', {}, JEMALLOC, ['MALLOC_ARENA_MAX=2']],
    ['glibc, as set', { JEMALLOC_ENABLED: 'false' }, JEMALLOC, ['MALLOC_ARENA_MAX=2']],
    ['MALLOC_ARENA_MAX set', { MALLOC_ARENA_MAX: '4' }, JEMALLOC, []],
    ['jemalloc', { JEMALLOC_ENABLED: 'true' }, JEMALLOC, [`LD_PRELOAD=${JEMALLOC}`, JEMALLOC_CONF]],
    ['MALLOC_CONF set', { JEMALLOC_ENABLED: 'true', MALLOC_CONF: 'x:1' }, JEMALLOC, [`LD_PRELOAD=${JEMALLOC}`]],
    ['jemalloc not found', { JEMALLOC_ENABLED: 'true' }, null, ['MALLOC_ARENA_MAX=2']],
    ['another library preloaded', { LD_PRELOAD: '/lib/libtcmalloc.so' }, JEMALLOC, []],
    [
      'another library preloaded, and jemalloc enabled',
      { LD_PRELOAD: '/lib/x.so', JEMALLOC_ENABLED: 'true' },
      JEMALLOC,
      [],
    ],
    ['jemalloc preloaded by the user', { LD_PRELOAD: '/opt/libjemalloc.so' }, null, []],
    [
      'jemalloc preloaded by the buildpack, without options',
      { LD_PRELOAD: '/app/vendor/jemalloc/lib/libjemalloc.so', JEMALLOC_ENABLED: 'true' },
      null,
      [JEMALLOC_CONF],
    ],
  ])('%s', (_, env, jemalloc, expected) => {
    const machine = checkout({ quota: null, jemalloc });
    const withHeap = [...expected, ...HEAP];
    expect(tuningOf('web', 'puma', env, machine)).toEqual(withHeap);
    expect(tuningOf('worker', 'sidekiq', env, machine)).toEqual(withHeap);
    expect(tuningOf('web', 'streaming', { RUN_STREAMING: 'true', ...env }, machine)).toEqual([]);
    expect(planFor('release', env, machine)).toMatchObject({
      tuning: expected.map((text) => ({ variable: text.split('=')[0] })),
      steps: [0, 1].map(() => ({ env: { PORT: null, ...fromText(expected) } })),
    });
  });

  test('warns if jemalloc is enabled and not found', () => {
    const enabled = { JEMALLOC_ENABLED: 'true' };
    const warning =
      'JEMALLOC_ENABLED=true has no effect: jemalloc was not found where buildpacks and Debian install it; set SUPERVISE_JEMALLOC to its path';
    expect(warningsOf('web', enabled)).toEqual([warning]);
    expect(warningsOf('worker', enabled)).toEqual([warning]);
    expect(warningsOf('release', enabled)).toEqual([warning]);
    expect(warningsOf('web', { ...enabled, SUPERVISE_JEMALLOC: '/opt/j.so' })).toEqual([
      'JEMALLOC_ENABLED=true has no effect: SUPERVISE_JEMALLOC=/opt/j.so was not found',
    ]);
    expect(warningsOf('web', { ...enabled, RUN_STREAMING: 'true' })).toEqual([]);
    expect(warningsOf('web', { ...enabled, LD_PRELOAD: '/lib/x.so' })).toEqual([]);
    expect(warningsOf('web', enabled, checkout({ jemalloc: JEMALLOC }))).toEqual([]);
    expect(warningsOf('web', { SUPERVISE_JEMALLOC: '/opt/j.so' })).toEqual([]);
  });

  function fromText(assignments: readonly string[]): Record<string, string | undefined> {
    return Object.fromEntries(assignments.map((text) => text.split(/=(.*)/).slice(0, 2)) as [string, string][]);
  }
});

describe("ratios of free slots in Ruby's heap", () => {
  const ratiosOf = (name: 'puma' | 'sidekiq', env: Environment): string[] =>
    tuningOf('web', name, { RUN_WORKER: 'true', ...env }, unknown).filter((text) => text.startsWith('RUBY_GC_'));

  test.each<[string, Environment, string[]]>([
    ['by default', {}, HEAP],
    ['as set', { SUPERVISE_RUBY_GC: 'small' }, HEAP],
    ['with another variable of the garbage collector', { RUBY_GC_HEAP_GROWTH_FACTOR: '1.03' }, HEAP],
    ['empty values', { RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO: '', SUPERVISE_RUBY_GC: '' }, HEAP],
    ['switched off', { SUPERVISE_RUBY_GC: 'default' }, []],
    ['only the minimum set', { RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO: '0.1' }, []],
    ['only the goal set', { RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO: '0.3' }, []],
    ['only the maximum set', { RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO: '0.5', SUPERVISE_RUBY_GC: 'small' }, []],
  ])('%s', (_, env, expected) => {
    expect(ratiosOf('puma', env)).toEqual(expected);
    expect(ratiosOf('sidekiq', env)).toEqual(expected);
  });

  test('neither streaming nor release steps get them', () => {
    expect(tuningOf('web', 'streaming', { RUN_STREAMING: 'true' }, unknown)).toEqual([]);
    expect(JSON.stringify(planFor('release', {}, unknown))).not.toContain('RUBY_GC_');
  });

  test.each<[string, Environment, string[]]>([
    ['all three fit', { MIN: '0.1', GOAL: '0.2', MAX: '0.2' }, []],
    ["a minimum that fits Ruby's own goal", { MIN: '0.3' }, []],
    ['a goal of 0, which means no goal', { GOAL: '0' }, []],
    ['a goal that is the minimum', { GOAL: '0.2' }, ['GOAL_RATIO=0.2: more than 0.2 and at most 0.65']],
    ['a goal above the maximum', { GOAL: '0.5', MAX: '0.4' }, ['GOAL_RATIO=0.5: more than 0.2 and at most 0.4']],
    ['a maximum under the minimum', { MIN: '0.5', MAX: '0.3' }, ['MAX_RATIO=0.3: more than 0.5 and at most 1']],
    ['a minimum of 0', { MIN: '0' }, ['MIN_RATIO=0: more than 0 and at most 1']],
  ])('%s', (_, ratios, expected) => {
    const env = Object.fromEntries(
      Object.entries(ratios).map(([name, value]) => [`RUBY_GC_HEAP_FREE_SLOTS_${name}_RATIO`, value]),
    );
    const warnings = expected.map(
      (text) => `RUBY_GC_HEAP_FREE_SLOTS_${text.replace(': ', ' is ignored by Ruby: expected ')}`,
    );
    expect(warningsOf('web', env)).toEqual(warnings);
    expect(warningsOf('worker', env)).toEqual(warnings);
    expect(warningsOf('web', { ...env, RUN_STREAMING: 'true' })).toEqual([]);
    expect(warningsOf('release', env)).toEqual([]);
  });
});

describe('the heap limit of streaming', () => {
  const options = (env: Environment, size: '256M' | '512M' = '512M'): string | null | undefined =>
    child(serving('web', { RUN_STREAMING: 'true', ...env }, checkout({ quota: quota(size) })), 'streaming').env
      .NODE_OPTIONS;

  test.each<[Environment, string | undefined]>([
    [{}, '--max-old-space-size=256'],
    [{ RUN_WORKER: 'true' }, '--max-old-space-size=128'],
    [{ RUN_STREAMING: 'inline' }, '--max-old-space-size=128'],
    [{ RUN_STREAMING: 'on-demand' }, '--max-old-space-size=128'],
    [{ NODE_OPTIONS: '--no-warnings' }, '--no-warnings --max-old-space-size=256'],
    [{ NODE_OPTIONS: '--max-old-space-size=100' }, undefined],
    [{ NODE_OPTIONS: '--no-warnings --max_old_space_size=100' }, undefined],
    [{ NODE_OPTIONS: '--max-old-space-size-percentage=20' }, undefined],
    [{ NODE_OPTIONS: '' }, '--max-old-space-size=256'],
  ])('with %o', (env, expected) => {
    expect(options(env)).toBe(expected);
  });

  test('follows the quota', () => {
    expect(options({}, '256M')).toBe('--max-old-space-size=128');
  });
});
