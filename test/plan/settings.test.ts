import { describe, expect, test } from 'vitest';
import { readSettings, SETTINGS, type SettingName, type Settings } from '../../src/plan/settings.ts';

type Row = {
  /** Unset and empty. */
  byDefault: unknown;
  good: readonly (readonly [text: string, value: unknown])[];
  bad: readonly string[];
  /** What the message says that was expected. */
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
const BY_SHELL = ['"unclosed', "it's", 'ends with \\'];

const TABLE: Record<SettingName, Row> = {
  RUN_STREAMING: {
    byDefault: false,
    good: [
      ['true', true],
      ['True', false],
      ['false', false],
      ['1', false],
      [' true', false],
      ['Inline', false],
    ],
    bad: ['inline', 'on-demand'],
    expected: 'true or nothing: inline and on-demand are reserved for a later version',
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
    expected: 'THREADS[:queue[*weight][,queue…]] separated by blanks, as in "10 5:default"',
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
  MAGICK_MEMORY_LIMIT: {
    byDefault: null,
    good: ['0', '268435456', '256MiB', '256MB', '256M', '256Mi', '64KiB', '64kB', '1.5GiB', '1TiB', '512B'].map(
      (text) => [text, text],
    ),
    bad: ['256 MiB', '256mib', '-1', 'MiB', '256MiBs', '1.GiB', '.5GiB', 'half', '1,5GiB', '256MiB '],
    expected: 'a number of bytes, or a size like 256MiB',
  },
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
  SUPERVISE_LOG_FORMAT: {
    byDefault: null,
    good: [
      ['json', 'json'],
      ['pretty', 'pretty'],
    ],
    bad: ['JSON', 'text', 'json '],
    expected: 'json or pretty',
  },
  SUPERVISE_LOG_LEVEL: {
    byDefault: 'info',
    good: ['debug', 'info', 'warn', 'error'].map((level) => [level, level]),
    bad: ['warning', 'INFO', 'trace', '3', 'silent'],
    expected: 'debug or info or warn or error',
  },
  SUPERVISE_LOG_PREFIX: {
    byDefault: 'false',
    good: [
      ['true', 'true'],
      ['false', 'false'],
    ],
    bad: ['1', 'True', 'yes'],
    expected: 'true or false',
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
    bad: [' ', '""', "'' x", 'A=b ./run', ...BY_SHELL],
  };
}

const ROWS = Object.entries(TABLE) as [SettingName, Row][];

function valueOf(name: SettingName, text: string | undefined): unknown {
  const { settings, problems } = readSettings({ [name]: text });
  expect(problems).toEqual([]);
  return settings[name];
}

describe.each(ROWS)('%s', (name, { byDefault, good, bad, expected }) => {
  test('unset or empty is its default', () => {
    expect(valueOf(name, undefined)).toEqual(byDefault);
    expect(valueOf(name, '')).toEqual(byDefault);
  });

  test('good values', () => {
    expect(good.map(([text]) => [text, valueOf(name, text)])).toEqual(good);
  });

  test('bad values: the message names variable, value and what is expected, and nothing else', () => {
    const messages = bad.map((text) => readSettings({ [name]: text, LANG: 'C' }).problems);
    const saying = (text: string): unknown =>
      expected === undefined
        ? expect.stringMatching(
            /: expected a command( line as a shell reads it, not (an unclosed ["']|a backslash at the end)|; no shell sets .*)?$/,
          )
        : `${name}=${JSON.stringify(text)}: expected ${expected}`;
    expect(messages).toEqual(bad.map((text) => [saying(text)]));
    expect(
      messages.flat().filter((message, index) => !message.startsWith(`${name}=${JSON.stringify(bad[index])}: `)),
    ).toEqual([]);
  });

  test('a wrong value leaves the default, so that the rest can be looked at', () => {
    const left = bad.map((text) => readSettings({ [name]: text }).settings[name]);
    expect(left).toEqual(bad.map(() => byDefault));
  });

  test('is documented in words that a table can hold', () => {
    const { doc, byDefault: worded } = SETTINGS[name];
    expect(doc.trim()).toBe(doc);
    expect(doc).toMatch(/^.{10,}[^.]$/);
    expect(worded).not.toMatch(/\n/);
  });
});

test('the kinds of a wrong command are told apart', () => {
  const problem = (text: string): unknown => readSettings({ PUMA_COMMAND: text }).problems[0];
  expect(problem('puma "x')).toBe(
    'PUMA_COMMAND="puma \\"x": expected a command line as a shell reads it, not an unclosed "',
  );
  expect(problem("puma 'x")).toBe(
    `PUMA_COMMAND="puma 'x": expected a command line as a shell reads it, not an unclosed '`,
  );
  expect(problem('puma \\')).toBe(
    'PUMA_COMMAND="puma \\\\": expected a command line as a shell reads it, not a backslash at the end',
  );
  expect(problem(' ')).toBe('PUMA_COMMAND=" ": expected a command');
  const assigned = 'expected a command; no shell sets a variable before it, `env NAME=value …` does';
  expect(problem('RAILS_ENV=test puma')).toBe(`PUMA_COMMAND="RAILS_ENV=test puma": ${assigned}`);
  expect(problem('DATABASE_URL="postgres://u:s3cret@h/d" rails')).toBe(
    `PUMA_COMMAND="DATABASE_URL=\\"postgres://[hidden]": ${assigned}`,
  );
});

test('all wrong values are told in one go, in the order of the documentation', () => {
  const wrong = ROWS.flatMap(([name, { bad }]) => (bad[0] === undefined ? [] : [[name, bad[0]] as const]));
  const { problems } = readSettings(Object.fromEntries(wrong));
  const named = problems.map((problem) => problem.slice(0, problem.indexOf('=')));
  expect(named).toEqual(Object.keys(SETTINGS).filter((name) => wrong.some(([other]) => other === name)));
});

test('an empty environment gives every default and no problem', () => {
  const { settings, problems } = readSettings({});
  expect(problems).toEqual([]);
  expect(settings).toEqual(Object.fromEntries(ROWS.map(([name, { byDefault }]) => [name, byDefault])));
});

test('only variables of the table are read', () => {
  const read: string[] = [];
  const env = new Proxy<Record<string, string>>({}, { get: (_, name) => void read.push(String(name)) });
  expect(readSettings(env).settings).toEqual(readSettings({}).settings satisfies Settings);
  expect([...new Set(read)]).toEqual(Object.keys(SETTINGS));
});

test('a database address in a wrong value is not printed', () => {
  const DB_POOL = 'postgres://mastodon:s3cret@db.example:5432/mastodon';
  expect(readSettings({ DB_POOL }).problems).toEqual([
    'DB_POOL="postgres://[hidden]": expected a whole number from 1 to 999',
  ]);
});
