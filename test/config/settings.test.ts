import { describe, expect, test } from 'vitest';
import { readSettings, type SettingName, SETTINGS, type Settings } from '../../src/config/settings.ts';

type Row = {
  /** The value if the variable is unset or empty. */
  byDefault: unknown;
  good: readonly (readonly [text: string, value: unknown])[];
  bad: readonly string[];
  /** What the message says was expected. */
  expected?: string;
};

const POOL: Row = {
  byDefault: null,
  good: [
    ['1', 1],
    ['7', 7],
    ['999', 999],
    ['007', 7],
  ],
  bad: ['0', '1000', '-1', '+5', '1.5', '5 ', ' 5', '1e3', '0x10', 'five', '५', '99999999999999999999'],
  expected: 'a whole number from 1 to 999',
};
const PERCENT: Row = {
  byDefault: null,
  good: [
    ['1', 1],
    ['100', 100],
    ['1000', 1000],
  ],
  bad: ['0', '1001', '100%', '0.9', '-1', 'never'],
  expected: 'a whole number from 1 to 1000',
};
const CONNECTIONS: Row = {
  byDefault: 20,
  good: [
    ['1', 1],
    ['40', 40],
    ['100000', 100_000],
  ],
  bad: ['0', '100001', '-1', 'many', '20.5'],
  expected: 'a whole number from 1 to 100000',
};
const MAGICK: Row = {
  byDefault: null,
  good: ['0', '268435456', '256MiB', '256MB', '256M', '256Mi', '64KiB', '64kB', '1.5GiB', '1TiB', '512B'].map(
    (text) => [text, text],
  ),
  bad: ['256 MiB', '256mib', '-1', 'MiB', '256MiBs', '1.GiB', '.5GiB', 'half', '1,5GiB', '256MiB '],
  expected: 'a number of bytes, or a size such as 256MiB',
};
const RATIO: Row = {
  byDefault: null,
  good: [
    ['0', 0],
    ['0.15', 0.15],
    ['.3', 0.3],
    ['1', 1],
    ['1.0', 1],
  ],
  bad: ['-0.1', '1.1', '15%', '0,15', '1e-1', ' 0.3', '0.3 ', '.', 'low'],
  expected: 'a number from 0 to 1, such as 0.15',
};
const TEXT: Row = { byDefault: null, good: [['any text', 'any text']], bad: [] };
const UNBALANCED = ['"unclosed', "it's", 'ends with \\'];

const TABLE: Record<SettingName, Row> = {
  RUN_STREAMING: {
    byDefault: null,
    good: [
      ['true', 'true'],
      ['inline', 'inline'],
      ['on-demand', 'on-demand'],
      ['True', null],
      ['false', null],
      ['1', null],
      [' true', null],
      ['Inline', null],
      ['inlined', null],
      ['"inline"', null],
      ['on_demand', null],
      ['ondemand', null],
      ['on-demand ', null],
      ['true inline', null],
    ],
    bad: [],
  },
  RUN_WORKER: {
    byDefault: false,
    good: [
      ['true', true],
      ['True', false],
      ['1', false],
      ['inline', false],
    ],
    bad: [],
  },
  RUN_SCHEDULE: {
    byDefault: true,
    good: [
      ['true', true],
      ['false', false],
      ['False', true],
      ['0', true],
    ],
    bad: [],
  },
  SIDEKIQ_THREADS: { ...POOL, byDefault: 5 },
  SIDEKIQ_PROCESSES: {
    byDefault: null,
    good: [
      [' ', null],
      ['10', [{ threads: 10, queues: null }]],
      ['5:default', [{ threads: 5, queues: [{ name: 'default', weight: null }] }]],
    ],
    bad: ['0', '10:', 'default', '10,5', '5:a*0', '1000'],
    expected: 'THREADS[:queue[*weight][,queue…]] separated by spaces, as in "10 5:default"',
  },
  WEB_CONCURRENCY: {
    byDefault: null,
    good: [
      ['0', 0],
      ['1', 1],
      ['999', 999],
    ],
    bad: ['-1', '1000', 'auto', '2 workers', '1.0'],
    expected: 'a whole number from 0 to 999',
  },
  WEB_CONCURRENCY_SET_BY: {
    byDefault: null,
    good: [
      ['heroku/nodejs', 'heroku/nodejs'],
      ['scalingo/nodejs', 'scalingo/nodejs'],
      ['heroku/ruby', null],
      ['Heroku/nodejs', null],
    ],
    bad: [],
  },
  MAX_THREADS: POOL,
  PORT: {
    byDefault: null,
    good: [
      ['1', 1],
      ['5006', 5006],
      ['65535', 65535],
    ],
    bad: ['0', '65536', '-80', 'http', '80,443', ' ', '$PORT'],
    expected: 'a whole number from 1 to 65535',
  },
  BIND: {
    byDefault: null,
    good: [
      ['127.0.0.1', '127.0.0.1'],
      ['[::]', '[::]'],
    ],
    bad: [],
  },
  SOCKET: { byDefault: null, good: [['/tmp/puma.sock', '/tmp/puma.sock']], bad: [] },
  DB_POOL: POOL,
  PUMA_DB_POOL: POOL,
  SIDEKIQ_DB_POOL: POOL,
  STREAMING_DB_POOL: POOL,
  PUMA_COMMAND: commandRow(['bundle', 'exec', 'puma', '-C', 'config/puma.rb']),
  SIDEKIQ_COMMAND: commandRow(['bundle', 'exec', 'sidekiq']),
  STREAMING_COMMAND: commandRow(['node', './streaming']),
  MIGRATE_COMMAND: commandRow(['bundle', 'exec', 'rails', 'db:migrate']),
  AFTER_MIGRATE_COMMAND: commandRow(['bundle', 'exec', 'rails', 'runner', 'Rails.cache.clear']),
  SUPERVISE_STOP_TIMEOUT: {
    byDefault: 30_000,
    good: [
      ['2', 2000],
      ['2.5', 2500],
      ['8.125', 8125],
      ['3600', 3_600_000],
    ],
    bad: ['1', '1.999', '0', '3601', '-30', '30s', '30 s', '30.', '.5', '1.2345', '1e1', 'Infinity', 'NaN'],
    expected: 'a number of seconds from 2 to 3600',
  },
  SUPERVISE_START_TIMEOUT: {
    byDefault: 45_000,
    good: [
      ['0', 0],
      ['1.005', 1005],
      ['0.5', 500],
      ['3600', 3_600_000],
    ],
    bad: ['-1', '3600.001', 'never', '1m'],
    expected: 'a number of seconds from 0 to 3600',
  },
  SUPERVISE_ROUTER: {
    byDefault: null,
    good: ['true', 'false'].map((word) => [word, word]),
    bad: ['1', 'True', 'yes', 'inline', ' true'],
    expected: 'one of: true, false',
  },
  SUPERVISE_STREAMING_IDLE: {
    byDefault: 900_000,
    good: [
      ['15m', 900_000],
      ['1s', 1000],
      ['10', 10_000],
      ['1500ms', 1500],
      ['1.5h', 5_400_000],
      ['7d', 604_800_000],
    ],
    bad: ['0.9s', '999ms', '0.999', '8d', '0', '-15m', '15 m', '15M', 'never', '1h30m'],
    expected: 'a duration such as 90s, 30m or 6h, from 1s to 7d',
  },
  SUPERVISE_STREAMING_SETTLE: {
    byDefault: 500,
    good: [
      ['0', 0],
      ['0s', 0],
      ['0ms', 0],
      ['500ms', 500],
      ['1500ms', 1500],
      ['0.25', 250],
      ['2s', 2000],
      ['10s', 10_000],
    ],
    bad: ['500', '10001ms', '10.001', '1m', '-1ms', '500 ms', '500MS', 'ms', '500m', 'never'],
    expected: 'a duration such as 500ms or 2s, from 0s to 10s',
  },
  SUPERVISE_MEMORY_QUOTA: {
    byDefault: null,
    good: [
      ['512M', 512 * 2 ** 20],
      ['512m', 512 * 2 ** 20],
      ['512MB', 512 * 2 ** 20],
      ['512MiB', 512 * 2 ** 20],
      ['2.5G', 2.5 * 2 ** 30],
      ['524288K', 512 * 2 ** 20],
      ['536870912', 512 * 2 ** 20],
      ['16M', 16 * 2 ** 20],
    ],
    bad: ['512', '15.999M', '0', '-512M', '512 M', 'half', '1,5G', '.5G', '1T', '512Mi B', '9007199254740993', 'max'],
    expected: 'a memory size such as 512M or 1G, at least 16M',
  },
  SUPERVISE_MEMORY_GUARD: {
    byDefault: 'on',
    good: ['on', 'warn', 'off'].map((word) => [word, word]),
    bad: ['true', 'false', 'On', '0', 'warning'],
    expected: 'one of: on, warn, off',
  },
  SUPERVISE_MEMORY_KILLS_AT: {
    byDefault: null,
    good: [
      ['50', 50],
      ['200', 200],
      ['1000', 1000],
    ],
    bad: ['49', '1001', '200%', '2x', '100.5', '-100'],
    expected: 'a whole number from 50 to 1000',
  },
  SUPERVISE_MEMORY_WARN_AT: PERCENT,
  SUPERVISE_MEMORY_ACT_AT: PERCENT,
  SUPERVISE_MEMORY_EMERGENCY_AT: PERCENT,
  SUPERVISE_MEMORY_LOG: {
    byDefault: null,
    good: [
      ['1', 1000],
      ['20', 20_000],
      ['86400', 86_400_000],
    ],
    bad: ['0', '0.999', '86401', '20s', 'true', '-1'],
    expected: 'a number of seconds from 1 to 86400',
  },
  SUPERVISE_RECYCLE_QUIET: {
    byDefault: 60_000,
    good: [
      ['0', 0],
      ['2.5', 2500],
      ['3600', 3_600_000],
    ],
    bad: ['-1', '3601', '60s', 'never'],
    expected: 'a number of seconds from 0 to 3600',
  },
  SUPERVISE_RECYCLE_EVERY: {
    byDefault: null,
    good: [
      ['6h', 21_600_000],
      ['1.5h', 5_400_000],
      ['90m', 5_400_000],
      ['21600', 21_600_000],
      ['21600s', 21_600_000],
      ['600', 600_000],
      ['7d', 604_800_000],
    ],
    bad: ['599', '9m', '8d', '0', '-6h', '6 h', '6H', 'daily', '1w', '6h30m', '.5h'],
    expected: 'a duration such as 90s, 30m or 6h, from 10m to 7d',
  },
  JEMALLOC_ENABLED: {
    byDefault: 'false',
    good: ['true', 'false'].map((word) => [word, word]),
    bad: ['1', 'True', 'yes', 'true '],
    expected: 'one of: true, false',
  },
  SUPERVISE_JEMALLOC: TEXT,
  LD_PRELOAD: TEXT,
  MALLOC_ARENA_MAX: TEXT,
  MALLOC_CONF: TEXT,
  SUPERVISE_RUBY_GC: {
    byDefault: 'small',
    good: ['small', 'default'].map((word) => [word, word]),
    bad: ['Small', 'off', 'true', 'default '],
    expected: 'one of: small, default',
  },
  RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO: RATIO,
  RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO: RATIO,
  RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO: RATIO,
  MAGICK_MEMORY_LIMIT: MAGICK,
  MAGICK_MAP_LIMIT: MAGICK,
  VIPS_CONCURRENCY: {
    byDefault: null,
    good: [
      ['0', 0],
      ['1', 1],
      ['1024', 1024],
    ],
    bad: ['-1', '1025', 'all', '1.5'],
    expected: 'a whole number from 0 to 1024',
  },
  VIPS_DISC_THRESHOLD: TEXT,
  NODE_OPTIONS: TEXT,
  SUPERVISE_DB_CONNECTIONS: CONNECTIONS,
  SUPERVISE_REDIS_CONNECTIONS: CONNECTIONS,
  SUPERVISE_LOG_FORMAT: {
    byDefault: null,
    good: [
      ['json', 'json'],
      ['pretty', 'pretty'],
    ],
    bad: ['JSON', 'text', 'json '],
    expected: 'one of: json, pretty',
  },
  SUPERVISE_LOG_LEVEL: {
    byDefault: 'info',
    good: ['debug', 'info', 'warn', 'error'].map((level) => [level, level]),
    bad: ['warning', 'INFO', 'trace', '3', 'silent'],
    expected: 'one of: debug, info, warn, error',
  },
  SUPERVISE_LOG_PREFIX: {
    byDefault: 'false',
    good: [
      ['true', 'true'],
      ['false', 'false'],
    ],
    bad: ['1', 'True', 'yes'],
    expected: 'one of: true, false',
  },
};

function commandRow(byDefault: readonly string[]): Row {
  return {
    byDefault,
    good: [
      ['./run', ['./run']],
      ['env A=b ./run', ['env', 'A=b', './run']],
      ['  ./run  fast ', ['./run', 'fast']],
      [`sh -c 'a b' "c d" e\\ f`, ['sh', '-c', 'a b', 'c d', 'e f']],
    ],
    bad: [' ', '""', "'' x", 'A=b ./run', ...UNBALANCED],
  };
}

const ROWS = Object.entries(TABLE) as [SettingName, Row][];

function valueOf(name: SettingName, text: string | undefined): unknown {
  const { settings, problems } = readSettings({ [name]: text });
  expect(problems).toEqual([]);
  return settings[name];
}

describe.each(ROWS)('%s', (name, { byDefault, good, bad, expected }) => {
  test('unset or empty gives the default', () => {
    expect(valueOf(name, undefined)).toEqual(byDefault);
    expect(valueOf(name, '')).toEqual(byDefault);
  });

  test('good values', () => {
    expect(good.map(([text]) => [text, valueOf(name, text)])).toEqual(good);
  });

  test('bad values: the message names variable, value and what is expected, and nothing else', () => {
    const messages = bad.map((text) => readSettings({ [name]: text, LANG: 'C' }).problems);
    const messageFor = (text: string): unknown =>
      expected === undefined
        ? expect.stringMatching(
            /: expected a command( line, found (an unclosed ["']|a backslash at the end)|; it runs without a shell, .*)?$/,
          )
        : `${name}=${JSON.stringify(text)}: expected ${expected}`;
    expect(messages).toEqual(bad.map((text) => [messageFor(text)]));
    expect(
      messages.flat().filter((message, index) => !message.startsWith(`${name}=${JSON.stringify(bad[index])}: `)),
    ).toEqual([]);
  });

  test('an invalid value leaves the default, so that the rest can be checked', () => {
    const values = bad.map((text) => readSettings({ [name]: text }).settings[name]);
    expect(values).toEqual(bad.map(() => byDefault));
  });

  test('has a description that fits into a table', () => {
    const { doc, byDefault: defaultText } = SETTINGS[name];
    expect(doc.trim()).toBe(doc);
    expect(doc).toMatch(/^.{10,}[^.]$/);
    expect(defaultText).not.toMatch(/\n/);
  });
});

test('each kind of invalid command has its own message', () => {
  const problem = (text: string): unknown => readSettings({ PUMA_COMMAND: text }).problems[0];
  expect(problem('puma "x')).toBe('PUMA_COMMAND="puma \\"x": expected a command line, found an unclosed "');
  expect(problem("puma 'x")).toBe(`PUMA_COMMAND="puma 'x": expected a command line, found an unclosed '`);
  expect(problem('puma \\')).toBe('PUMA_COMMAND="puma \\\\": expected a command line, found a backslash at the end');
  expect(problem(' ')).toBe('PUMA_COMMAND=" ": expected a command');
  const assigned = 'expected a command; it runs without a shell, so set variables with `env NAME=value …`';
  expect(problem('RAILS_ENV=test puma')).toBe(`PUMA_COMMAND="RAILS_ENV=test puma": ${assigned}`);
  expect(problem('DATABASE_URL="postgres://u:s3cret@h/d" rails')).toBe(
    `PUMA_COMMAND="DATABASE_URL=\\"postgres://[hidden]": ${assigned}`,
  );
});

test('all invalid values are reported together, in the order of the documentation', () => {
  const invalid = ROWS.flatMap(([name, { bad }]) => (bad[0] === undefined ? [] : [[name, bad[0]] as const]));
  const { problems } = readSettings(Object.fromEntries(invalid));
  const named = problems.map((problem) => problem.slice(0, problem.indexOf('=')));
  expect(named).toEqual(Object.keys(SETTINGS).filter((name) => invalid.some(([other]) => other === name)));
});

test('an empty environment gives every default and no problem', () => {
  const { settings, problems } = readSettings({});
  expect(problems).toEqual([]);
  expect(settings).toEqual(Object.fromEntries(ROWS.map(([name, { byDefault }]) => [name, byDefault])));
});

test('only the variables in the table are read', () => {
  const read: string[] = [];
  const env = new Proxy<Record<string, string>>({}, { get: (_, name) => void read.push(String(name)) });
  expect(readSettings(env).settings).toEqual(readSettings({}).settings satisfies Settings);
  expect([...new Set(read)]).toEqual(Object.keys(SETTINGS));
});

test('a database URL in an invalid value is not printed', () => {
  const DB_POOL = 'postgres://mastodon:s3cret@db.example:5432/mastodon';
  expect(readSettings({ DB_POOL }).problems).toEqual([
    'DB_POOL="postgres://[hidden]": expected a whole number from 1 to 999',
  ]);
});
