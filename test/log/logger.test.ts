import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LogEvent } from '../../src/log/events.ts';
import { createLogger, type EventLog, type LoggerOptions } from '../../src/log/logger.ts';

const BOOT = Date.UTC(2026, 0, 1, 12, 0, 0);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: BOOT }));
afterEach(() => void vi.useRealTimers());

function logTo(lines: string[], options: Partial<Omit<LoggerOptions, 'write'>> = {}): EventLog {
  return createLogger({ format: 'json', level: 'info', write: (line) => lines.push(line), ...options });
}

/** The lines of these events, which are logged a second apart. */
async function linesOf(
  events: readonly LogEvent[],
  options: Partial<Omit<LoggerOptions, 'write'>> = {},
): Promise<string[]> {
  const lines: string[] = [];
  const log = logTo(lines, options);
  for (const event of events) {
    log.log(event);
    vi.advanceTimersByTime(1000);
  }
  await log.written();
  return lines;
}

async function parsedLinesOf(
  events: readonly LogEvent[],
  options: Partial<Omit<LoggerOptions, 'write'>> = {},
): Promise<unknown[]> {
  return (await linesOf(events, options)).map((line) => JSON.parse(line) as unknown);
}

const READY: LogEvent = { event: 'ready', child: 'puma', afterMs: 6123.456 };
const WARNING: LogEvent = { event: 'warning', text: 'mind this' };
const FAILED: LogEvent = { event: 'outcome', code: 137, reason: 'puma was killed', cause: 'done' };

describe('an event is one line', () => {
  test('of JSON with a newline at its end, whatever text it contains', async () => {
    const lines = await linesOf([READY, { event: 'warning', text: 'two\nlines "quoted" 😀\u2028' }, FAILED]);
    expect(lines).toHaveLength(3);
    expect(lines.filter((line) => line.indexOf('\n') !== line.length - 1)).toEqual([]);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ msg: 'two\nlines "quoted" 😀\u2028' });
  });

  test('with time, event name, fields, level and message', async () => {
    const rows: readonly (readonly [LogEvent, object])[] = [
      [
        { event: 'plan', text: 'web: puma' },
        { level: 'info', msg: 'web: puma' },
      ],
      [WARNING, { level: 'warn', msg: 'mind this' }],
      [
        { event: 'started', child: 'puma', command: ['puma', '-p', '80'], pid: 42 },
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
        { event: 'exited', child: 'puma', status: { kind: 'exited', code: 3 }, afterMs: 10, killedByUs: false },
        {
          level: 'info',
          child: 'puma',
          status: { kind: 'exited', code: 3 },
          afterMs: 10,
          killedByUs: false,
          msg: 'puma exited with code 3 after 10 ms',
        },
      ],
      [
        {
          event: 'exited',
          child: 'puma',
          status: { kind: 'signaled', signal: 'SIGSEGV' },
          afterMs: 0.4,
          killedByUs: false,
        },
        {
          level: 'info',
          child: 'puma',
          status: { kind: 'signaled', signal: 'SIGSEGV' },
          afterMs: 0,
          killedByUs: false,
          msg: 'puma was killed by SIGSEGV after 0 ms',
        },
      ],
      [
        { event: 'stopping', reason: 'SIGTERM', children: ['puma'], killAfterMs: 28_500 },
        {
          level: 'info',
          reason: 'SIGTERM',
          children: ['puma'],
          killAfterMs: 28_500,
          msg: 'SIGTERM; stopping puma; 28.5 s at most',
        },
      ],
      [FAILED, { level: 'error', code: 137, cause: 'done', msg: 'puma was killed; exit code 137' }],
    ];
    for (const [event, fields] of rows) {
      vi.setSystemTime(BOOT);
      expect(await parsedLinesOf([event])).toEqual([{ time: BOOT, event: event.event, ...fields }]);
    }
  });

  test('an error is written as its message', async () => {
    const error = Object.assign(new Error('command not found: bundle'), { code: 'ENOENT' });
    const [line] = await parsedLinesOf([
      { event: 'exited', child: 'puma', status: { kind: 'not-started', error }, afterMs: 1, killedByUs: false },
    ]);
    expect(line).toMatchObject({ status: { kind: 'not-started', error: 'command not found: bundle' } });
  });

  test('no field contains a secret', async () => {
    const lines = await linesOf([
      { event: 'started', child: 'puma', command: ['env', `A=postgres://u:s3 'cret@db.example/m`, 'puma'], pid: 1 },
      { event: 'started', child: 'migrate', command: ['psql', 'postgres://u:s3cret@db.example/m'], pid: 1 },
      {
        event: 'exited',
        child: 'migrate',
        status: { kind: 'not-started', error: new Error('command not found: postgres://u:s3cret@db.example/m') },
        afterMs: 1,
        killedByUs: false,
      },
      { event: 'stopping', reason: 'postgres://u:s3cret@db.example/m', children: [], killAfterMs: 1 },
    ]);
    expect(lines.filter((line) => /cret|example/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.includes('"A=postgres://[hidden]","puma"]'))).toHaveLength(1);
  });
});

describe('level', () => {
  const events: LogEvent[] = [READY, WARNING, FAILED];

  test.each<[LoggerOptions['level'], string[]]>([
    ['debug', ['info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ])('%s', async (level, expected) => {
    expect(await parsedLinesOf(events, { level })).toEqual(
      expected.map((name) => expect.objectContaining({ level: name }) as unknown),
    );
  });
});

describe('before pino is loaded', () => {
  test('events are buffered in order, with their time', async () => {
    const lines: string[] = [];
    const log = logTo(lines);
    log.log(READY);
    vi.advanceTimersByTime(1000);
    log.log(WARNING);
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual([]);
    await log.written();
    vi.advanceTimersByTime(1000);
    log.log(FAILED);
    expect(lines.map((line) => JSON.parse(line) as { event: string; time: number })).toMatchObject([
      { event: 'ready', time: BOOT },
      { event: 'warning', time: BOOT + 1000 },
      { event: 'outcome', time: BOOT + 62_000 },
    ]);
  });

  test('events logged during the load keep their order', async () => {
    const lines: string[] = [];
    const log = logTo(lines);
    const names = Array.from({ length: 50 }, (_, index) => `child-${index}`);
    for (const child of names) {
      log.log({ event: 'ready', child, afterMs: 1 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await log.written();
    expect(lines.map((line) => (JSON.parse(line) as { child: string }).child)).toEqual(names);
  });

  test('without an event nothing is written', async () => {
    expect(await linesOf([])).toEqual([]);
  });
});

describe('pretty', () => {
  const clock = new Date(BOOT).toTimeString().slice(0, 8);

  test('has the time, and the message in the colour of its level', async () => {
    const rows: readonly (readonly [LogEvent, string])[] = [
      [READY, 'puma is ready after 6.1 s'],
      [WARNING, '\u001b[33mmind this\u001b[0m'],
      [FAILED, '\u001b[31mpuma was killed; exit code 137\u001b[0m'],
    ];
    for (const [event, message] of rows) {
      vi.setSystemTime(BOOT);
      const lines = await linesOf([event], { format: 'pretty' });
      expect(lines).toEqual([`\u001b[36m${clock} supervise\u001b[0m ${message}\n`]);
    }
  });
});
