import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Fact } from '../src/facts.ts';
import { createLog, type Log, type LogOptions } from '../src/log.ts';

const BOOT = Date.UTC(2026, 0, 1, 12, 0, 0);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: BOOT }));
afterEach(() => void vi.useRealTimers());

function logTo(lines: string[], options: Partial<Omit<LogOptions, 'write'>> = {}): Log {
  return createLog({ format: 'json', level: 'info', write: (line) => lines.push(line), ...options });
}

/** What the log wrote of these facts, a second apart. */
async function written(facts: readonly Fact[], options: Partial<Omit<LogOptions, 'write'>> = {}): Promise<string[]> {
  const lines: string[] = [];
  const log = logTo(lines, options);
  for (const fact of facts) {
    log.tell(fact);
    vi.advanceTimersByTime(1000);
  }
  await log.written();
  return lines;
}

async function asData(facts: readonly Fact[], options: Partial<Omit<LogOptions, 'write'>> = {}): Promise<unknown[]> {
  return (await written(facts, options)).map((line) => JSON.parse(line) as unknown);
}

const READY: Fact = { fact: 'ready', child: 'puma', afterMs: 6123.456 };
const WARNING: Fact = { fact: 'warning', text: 'mind this' };
const FAILED: Fact = { fact: 'outcome', code: 137, reason: 'puma was killed', cause: 'done' };

describe('a fact is one line', () => {
  test('of JSON, with its newline, whatever it holds', async () => {
    const lines = await written([READY, { fact: 'warning', text: 'two\nlines "quoted" 😀\u2028' }, FAILED]);
    expect(lines).toHaveLength(3);
    expect(lines.filter((line) => line.indexOf('\n') !== line.length - 1)).toEqual([]);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ msg: 'two\nlines "quoted" 😀\u2028' });
  });

  test.each<[Fact, object]>([
    [
      { fact: 'plan', text: 'web: puma' },
      { level: 'info', msg: 'web: puma' },
    ],
    [WARNING, { level: 'warn', msg: 'mind this' }],
    [
      { fact: 'started', child: 'puma', command: ['puma', '-p', '80'], pid: 42 },
      {
        level: 'info',
        child: 'puma',
        command: ['puma', '-p', '80'],
        pid: 42,
        msg: 'puma started: puma -p 80 (pid 42)',
      },
    ],
    [READY, { level: 'info', child: 'puma', afterMs: 6123, msg: 'puma is ready after 6.1 s' }],
    [
      { fact: 'ended', child: 'puma', status: { kind: 'exited', code: 3 }, afterMs: 10 },
      {
        level: 'info',
        child: 'puma',
        status: { kind: 'exited', code: 3 },
        afterMs: 10,
        msg: 'puma ended with code 3 after 10 ms',
      },
    ],
    [
      { fact: 'ended', child: 'puma', status: { kind: 'signaled', signal: 'SIGSEGV' }, afterMs: 0.4 },
      {
        level: 'info',
        child: 'puma',
        status: { kind: 'signaled', signal: 'SIGSEGV' },
        afterMs: 0,
        msg: 'puma was ended by SIGSEGV after 0 ms',
      },
    ],
    [
      { fact: 'stopping', because: 'SIGTERM', children: ['puma'], atMostMs: 28_500 },
      {
        level: 'info',
        because: 'SIGTERM',
        children: ['puma'],
        atMostMs: 28_500,
        msg: 'SIGTERM; stopping puma; 28.5 s at most',
      },
    ],
    [FAILED, { level: 'error', code: 137, cause: 'done', msg: 'puma was killed; exit code 137' }],
  ])('%o', async (fact, fields) => {
    expect(await asData([fact])).toEqual([{ time: BOOT, fact: fact.fact, ...fields }]);
  });

  test('an error is told by its message', async () => {
    const error = Object.assign(new Error('command not found: bundle'), { code: 'ENOENT' });
    const [line] = await asData([{ fact: 'ended', child: 'puma', status: { kind: 'not-started', error }, afterMs: 1 }]);
    expect(line).toMatchObject({ status: { kind: 'not-started', error: 'command not found: bundle' } });
  });

  test('secrets are in no field', async () => {
    const lines = await written([
      { fact: 'started', child: 'puma', command: ['env', `A=postgres://u:s3 'cret@db.example/m`, 'puma'], pid: 1 },
      { fact: 'started', child: 'migrate', command: ['psql', 'postgres://u:s3cret@db.example/m'], pid: 1 },
      {
        fact: 'ended',
        child: 'migrate',
        status: { kind: 'not-started', error: new Error('command not found: postgres://u:s3cret@db.example/m') },
        afterMs: 1,
      },
      { fact: 'stopping', because: 'postgres://u:s3cret@db.example/m', children: [], atMostMs: 1 },
    ]);
    expect(lines.filter((line) => /cret|example/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.includes('"A=postgres://[hidden]","puma"]'))).toHaveLength(1);
  });
});

describe('level', () => {
  const facts: Fact[] = [READY, WARNING, FAILED];

  test.each<[LogOptions['level'], string[]]>([
    ['debug', ['info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ])('%s', async (level, told) => {
    expect(await asData(facts, { level })).toEqual(
      told.map((name) => expect.objectContaining({ level: name }) as unknown),
    );
  });
});

describe('before pino is loaded', () => {
  test('facts wait, and keep their order and their time', async () => {
    const lines: string[] = [];
    const log = logTo(lines);
    log.tell(READY);
    vi.advanceTimersByTime(1000);
    log.tell(WARNING);
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual([]);
    await log.written();
    vi.advanceTimersByTime(1000);
    log.tell(FAILED);
    expect(lines.map((line) => JSON.parse(line) as { fact: string; time: number })).toMatchObject([
      { fact: 'ready', time: BOOT },
      { fact: 'warning', time: BOOT + 1000 },
      { fact: 'outcome', time: BOOT + 62_000 },
    ]);
  });

  test('facts told while it is being loaded stand in order as well', async () => {
    const lines: string[] = [];
    const log = logTo(lines);
    const names = Array.from({ length: 50 }, (_, index) => `child-${index}`);
    for (const child of names) {
      log.tell({ fact: 'ready', child, afterMs: 1 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await log.written();
    expect(lines.map((line) => (JSON.parse(line) as { child: string }).child)).toEqual(names);
  });

  test('nothing is written where nothing is told', async () => {
    expect(await written([])).toEqual([]);
  });
});

describe('pretty', () => {
  const clock = new Date(BOOT).toTimeString().slice(0, 8);

  test.each<[Fact, string]>([
    [READY, 'puma is ready after 6.1 s'],
    [WARNING, '\u001b[33mmind this\u001b[0m'],
    [FAILED, '\u001b[31mpuma was killed; exit code 137\u001b[0m'],
  ])('%o', async (fact, message) => {
    expect(await written([fact], { format: 'pretty' })).toEqual([`\u001b[36m${clock} supervise\u001b[0m ${message}\n`]);
  });
});
