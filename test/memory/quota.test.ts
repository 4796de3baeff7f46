import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CgroupLimits, MemoryFacts } from '../../src/host.ts';
import { findQuota } from '../../src/memory/quota.ts';

const MB = 2 ** 20;
const NO_LIMIT_V1 = '9223372036854771712';

function v2(folder: string, max: string | null, high: string | null = null, swap: string | null = null): CgroupLimits {
  return { cgroup: { version: 2, folder }, max, high, swap };
}
function v1(folder: string, max: string | null, swap: string | null = null): CgroupLimits {
  return { cgroup: { version: 1, folder }, max, high: null, swap };
}
/** A machine with 16 GB of memory, and 1 GB of swap by default. */
function facts(cgroups: readonly CgroupLimits[], swapTotalBytes: number | null = 1024 * MB): MemoryFacts {
  return { cgroups, memTotalBytes: 16_384 * MB, swapTotalBytes };
}
const mb = (count: number): string => String(count * MB);

/** In short: megabytes, source, kill threshold in per cent, folder of the cgroup. */
function summarize(quota: number | null, dyno: string | undefined, machine: MemoryFacts): string | null {
  const found = findQuota({ quota, dyno }, machine);
  if (found === null) return null;
  const { bytes, source, killsAtPercent, cgroup } = found;
  return `${bytes / MB} by ${source}, killed at ${killsAtPercent}, measured by ${cgroup?.folder ?? 'process'}`;
}

describe('the quota', () => {
  test.each<[string, number | null, CgroupLimits[], string | null]>([
    ['no setting and no limit', null, [], null],
    ['the setting', 300 * MB, [], '300 by SUPERVISE_MEMORY_QUOTA, killed at 200, measured by process'],
    [
      'the setting before the cgroup',
      256 * MB,
      [v2('/c', mb(512))],
      '256 by SUPERVISE_MEMORY_QUOTA, killed at 200, measured by process',
    ],
    ['memory.max', null, [v2('/c', mb(512))], '512 by /c/memory.max, killed at 100, measured by /c'],
    ['memory.high alone', null, [v2('/c', 'max', mb(400))], '400 by /c/memory.high, killed at 100, measured by /c'],
    [
      'the smaller one, memory.high',
      null,
      [v2('/c', mb(512), mb(400))],
      '400 by /c/memory.high, killed at 100, measured by /c',
    ],
    [
      'the smaller one, memory.max',
      null,
      [v2('/c', mb(400), mb(512))],
      '400 by /c/memory.max, killed at 100, measured by /c',
    ],
    [
      'a tighter limit above',
      null,
      [v2('/a/b', mb(512)), v2('/a', mb(256)), v2('/', 'max')],
      '256 by /a/memory.max, killed at 100, measured by /a',
    ],
    [
      'the same limit above: the nearest',
      null,
      [v2('/a/b', mb(512)), v2('/a', mb(512))],
      '512 by /a/b/memory.max, killed at 100, measured by /a/b',
    ],
    [
      'version 1',
      null,
      [v1('/m/a', mb(512)), v1('/m', NO_LIMIT_V1)],
      '512 by /m/a/memory.limit_in_bytes, killed at 100, measured by /m/a',
    ],
    [
      'version 2 before version 1, though it grants more',
      null,
      [v2('/c', mb(512)), v1('/m', mb(256))],
      '512 by /c/memory.max, killed at 100, measured by /c',
    ],
    [
      'version 1 where version 2 has no limit',
      null,
      [v2('/c', 'max'), v1('/m', mb(256))],
      '256 by /m/memory.limit_in_bytes, killed at 100, measured by /m',
    ],
    ['no limit', null, [v2('/c', 'max', 'max'), v1('/m', NO_LIMIT_V1)], null],
    [
      'as much as the machine has',
      null,
      [v2('/c', mb(16_384))],
      '16384 by /c/memory.max, killed at 100, measured by /c',
    ],
    ['more than the machine has', null, [v2('/c', String(16_384 * MB + 4096))], null],
    ['16 MiB', null, [v2('/c', mb(16))], '16 by /c/memory.max, killed at 100, measured by /c'],
    ['less than 16 MiB', null, [v2('/c', String(16 * MB - 1))], null],
    ['files that cannot be read', null, [v2('/c', null), v1('/m', null)], null],
  ])('%s', (_, quota, cgroups, expected) => {
    expect(summarize(quota, undefined, facts(cgroups))).toBe(expected);
  });

  test('a limit that is no plain number is ignored', () => {
    for (const text of [
      '',
      ' ',
      '0',
      '-1',
      '512M',
      '5e8',
      '0x20000000',
      '536870912 ',
      '5368709.12',
      'NaN',
      'Infinity',
      '٥٣٦٨٧٠٩١٢',
    ]) {
      expect(summarize(null, undefined, facts([v2('/c', text)])), JSON.stringify(text)).toBeNull();
    }
  });

  test('with unknown machine memory, any limit that a machine could have counts', () => {
    const unknown = { memTotalBytes: null, swapTotalBytes: null };
    expect(findQuota({ quota: null, dyno: undefined }, { ...unknown, cgroups: [v2('/c', mb(512))] })?.bytes).toBe(
      512 * MB,
    );
    expect(findQuota({ quota: null, dyno: undefined }, { ...unknown, cgroups: [v1('/c', NO_LIMIT_V1)] })).toBeNull();
  });
});

test('the cgroup is measured only where its limit is the quota', () => {
  for (const [quota, folder] of [
    [512, '/c'],
    [508, '/c'],
    [517, '/c'],
    [500, undefined],
    [520, undefined],
    [256, undefined],
  ] as const) {
    const found = findQuota({ quota: quota * MB, dyno: undefined }, facts([v2('/c', mb(512))]));
    expect(found?.cgroup?.folder, `${quota} of 512 MB`).toBe(folder);
  }
});

describe('the kill threshold', () => {
  const COMMON = ['web.1', 'worker.12', 'run.1234', 'my_jobs.1', 'some-type.3'];
  const FIR = ['web-5b7bd5f6cf-9xw2j', 'worker-1'];
  const OTHERS = [
    undefined,
    '',
    'web',
    'web.',
    '.1',
    'web.1.2',
    'web.one',
    'Web-1',
    'web-',
    '-1',
    'web 1',
    'web.1\n.x',
  ];

  test('with a quota and no limit is 200 %, on Fir 100 %', () => {
    for (const dyno of [...COMMON, ...FIR, ...OTHERS]) {
      const expected = FIR.includes(dyno ?? '') ? 100 : 200;
      expect(findQuota({ quota: 512 * MB, dyno }, facts([]))?.killsAtPercent, `DYNO=${dyno}`).toBe(expected);
    }
  });

  test('with a limit and unknown swap is 100 %, in the common runtime 200 %', () => {
    for (const dyno of [...COMMON, ...FIR, ...OTHERS]) {
      const expected = COMMON.includes(dyno ?? '') ? 200 : 100;
      for (const limit of [v1('/m', mb(512)), v2('/c', mb(512))]) {
        expect(findQuota({ quota: null, dyno }, facts([limit]))?.killsAtPercent, `DYNO=${dyno}`).toBe(expected);
      }
    }
  });

  test.each<[string, CgroupLimits[], number | null, Record<'none' | 'web.1' | 'web-1a', number>]>([
    ['v2 grants as much swap', [v2('/c', mb(512), null, mb(512))], 1, { none: 200, 'web.1': 200, 'web-1a': 100 }],
    ['v2 grants any swap', [v2('/c', mb(512), null, 'max')], 1, { none: 200, 'web.1': 200, 'web-1a': 100 }],
    [
      'v2 grants it, the machine has none',
      [v2('/c', mb(512), null, 'max')],
      0,
      { none: 100, 'web.1': 200, 'web-1a': 100 },
    ],
    [
      'v2 grants it, the swap of the machine is unknown',
      [v2('/c', mb(512), null, 'max')],
      null,
      { none: 200, 'web.1': 200, 'web-1a': 100 },
    ],
    ['v2 grants no swap', [v2('/c', mb(512), null, '0')], 1, { none: 100, 'web.1': 100, 'web-1a': 100 }],
    ['v2 grants too little', [v2('/c', mb(512), null, mb(511))], 1, { none: 100, 'web.1': 100, 'web-1a': 100 }],
    [
      'v2 grants it, a parent cgroup forbids it',
      [v2('/a/b', mb(512), null, 'max'), v2('/a', 'max', null, '0')],
      1,
      { none: 100, 'web.1': 100, 'web-1a': 100 },
    ],
    [
      'v2 has an invalid value for swap',
      [v2('/c', mb(512), null, 'much')],
      1,
      { none: 100, 'web.1': 200, 'web-1a': 100 },
    ],
    ['v1 grants as much swap', [v1('/m', mb(512), mb(1024))], 1, { none: 200, 'web.1': 200, 'web-1a': 100 }],
    ['v1 grants any swap', [v1('/m', mb(512), NO_LIMIT_V1)], 1, { none: 200, 'web.1': 200, 'web-1a': 100 }],
    [
      'v1 grants any swap, the machine has none',
      [v1('/m', mb(512), NO_LIMIT_V1)],
      0,
      { none: 100, 'web.1': 200, 'web-1a': 100 },
    ],
    ['v1 grants no swap', [v1('/m', mb(512), mb(512))], 1, { none: 100, 'web.1': 100, 'web-1a': 100 }],
  ])('%s', (_, cgroups, swapTotal, expected) => {
    for (const [dyno, percent] of Object.entries(expected)) {
      const found = findQuota({ quota: null, dyno: dyno === 'none' ? undefined : dyno }, facts(cgroups, swapTotal));
      expect([dyno, found?.killsAtPercent]).toEqual([dyno, percent]);
    }
  });

  test('scales with the ratio of limit and quota, between 50 and 200 %', () => {
    for (const [quota, dyno, percent] of [
      [512, undefined, 100],
      [400, undefined, 128],
      [256, undefined, 200],
      [100, undefined, 200],
      [1024, undefined, 50],
      [4096, undefined, 50],
      [512, 'web.1', 200],
      [1024, 'web.1', 100],
      [300, 'web.1', 200],
    ] as const) {
      const found = findQuota({ quota: quota * MB, dyno }, facts([v2('/c', mb(512))]));
      expect(found?.killsAtPercent, `quota ${quota} MB, limit 512 MB, DYNO=${dyno}`).toBe(percent);
    }
  });
});

test('any file contents lead to a valid quota or to none', () => {
  const text = fc.oneof(
    fc.constantFrom(null, 'max', '', '0', '-1', NO_LIMIT_V1, mb(512), mb(256)),
    fc.string({ unit: 'binary' }),
    fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String),
  );
  const cgroup = fc.record({ version: fc.constantFrom(1 as const, 2 as const), folder: fc.constantFrom('/a/b', '/a') });
  const bytes = fc.option(fc.oneof(fc.constant(0), fc.nat(), fc.constant(16_384 * MB)));
  const anyFacts = fc.record({
    cgroups: fc.array(fc.record({ cgroup, max: text, high: text, swap: text }), { maxLength: 4 }),
    memTotalBytes: bytes,
    swapTotalBytes: bytes,
  });
  const settings = fc.record({
    quota: fc.option(fc.integer({ min: 2 ** 24, max: 2 ** 50 })),
    dyno: fc.option(fc.oneof(fc.string(), fc.constantFrom('web.1', 'web-1a')), { nil: undefined }),
  });
  fc.assert(
    fc.property(settings, anyFacts, (set, machine) => {
      const found = findQuota(set, machine);
      if (found === null) {
        expect(set.quota).toBeNull();
        return;
      }
      expect(Number.isFinite(found.bytes) && found.bytes >= 2 ** 24 && found.source !== '').toBe(true);
      expect(found.killsAtPercent >= 50 && found.killsAtPercent <= 200).toBe(true);
      if (set.quota === null) expect(found.cgroup).not.toBeNull();
      else expect(found.bytes).toBe(set.quota);
    }),
    { numRuns: 2000 },
  );
});
