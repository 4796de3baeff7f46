import { describe, expect, test } from 'vitest';
import { describeFact } from '../src/describe-fact.ts';
import type { Level } from '../src/line.ts';
import type { Fact } from '../src/facts.ts';

const HOUR = 3_600_000;

/** Of a fact with several forms, each. */
type FieldsOfForms<F> = F extends unknown ? Omit<F, 'fact'> : never;

/** Every fact in each of its forms: how loud, and what an admin reads. */
const TABLE: { [F in Fact['fact']]: readonly (readonly [FieldsOfForms<Extract<Fact, { fact: F }>>, Level, string])[] } =
  {
    plan: [[{ text: 'web: puma (5 threads)' }, 'info', 'web: puma (5 threads)']],
    warning: [[{ text: 'DB_POOL=1 is too small' }, 'warn', 'DB_POOL=1 is too small']],
    started: [
      [
        { child: 'puma', command: ['bundle', 'exec', 'puma', '-C', 'config/puma.rb'], pid: 42 },
        'info',
        'puma started: bundle exec puma -C config/puma.rb (pid 42)',
      ],
      [
        { child: 'puma', command: ['sh', '-c', 'exec puma'], pid: 1 },
        'info',
        "puma started: sh -c 'exec puma' (pid 1)",
      ],
    ],
    ready: [[{ child: 'sidekiq', afterMs: 6123 }, 'info', 'sidekiq is ready after 6.1 s']],
    'not-waiting': [
      [
        { child: 'sidekiq-2', notReady: 'puma', afterMs: 45_000 },
        'warn',
        'puma is not ready after 45 s; starting sidekiq-2 anyway',
      ],
    ],
    'not-watched': [
      [{ child: 'sidekiq', why: 'no tmp/ here' }, 'warn', 'cannot see when sidekiq is ready: no tmp/ here'],
    ],
    ended: [
      [
        { child: 'puma', status: { kind: 'exited', code: 3 }, afterMs: 340 },
        'info',
        'puma ended with code 3 after 340 ms',
      ],
      [
        { child: 'sidekiq', status: { kind: 'signaled', signal: 'SIGKILL' }, afterMs: 3.2 * HOUR },
        'info',
        'sidekiq was killed by SIGKILL (out of memory?) after 3 h 12 min',
      ],
      [
        { child: 'puma', status: { kind: 'signaled', signal: 'SIGTERM' }, afterMs: 50 * HOUR },
        'info',
        'puma was ended by SIGTERM after 2 d 2 h',
      ],
      [
        { child: 'puma', status: { kind: 'not-started', error: new Error('spawn puma EACCES') }, afterMs: 1 },
        'info',
        'puma could not start: spawn puma EACCES',
      ],
    ],
    stopping: [
      [
        { because: 'SIGTERM', children: ['puma', 'sidekiq'], atMostMs: 28_500 },
        'info',
        'SIGTERM; stopping puma, sidekiq; 28.5 s at most',
      ],
      [
        { because: 'puma ended with code 0', children: ['sidekiq'], atMostMs: 58_500 },
        'info',
        'puma ended with code 0; stopping sidekiq; 58.5 s at most',
      ],
      [{ because: 'SIGINT', children: [], atMostMs: 28_500 }, 'info', 'SIGINT; nothing else is running'],
    ],
    broadcast: [
      [
        { child: 'puma', afterMs: 12 },
        'info',
        'SIGTERM came 12 ms after puma ended: the platform had asked every process to stop',
      ],
    ],
    killing: [
      [{ children: ['puma', 'sidekiq'] }, 'warn', 'killing puma, sidekiq'],
      [{ children: [] }, 'warn', 'killing what is left'],
    ],
    leftover: [
      [{ process: 'ffmpeg (pid 7)', how: 'ended' }, 'warn', 'ffmpeg (pid 7) outlived the children and was ended'],
      [{ process: 'ffmpeg (pid 7)', how: 'killed' }, 'warn', 'ffmpeg (pid 7) outlived the children and was killed'],
    ],
    'left-behind': [
      [{ children: ['puma'] }, 'error', 'puma cannot be ended; leaving before the platform kills us'],
      [{ children: ['puma', 'x'] }, 'error', 'puma, x cannot be ended; leaving before the platform kills us'],
    ],
    'handed-on': [
      [
        { signal: 'SIGTTIN', children: ['sidekiq-1', 'sidekiq-2'] },
        'info',
        'SIGTTIN handed on to sidekiq-1, sidekiq-2',
      ],
      [{ signal: 'SIGUSR1', children: ['puma'] }, 'info', 'SIGUSR1 handed on to puma'],
      [{ signal: 'SIGUSR2', children: [] }, 'info', 'SIGUSR2 is for nobody here'],
    ],
    'taken-as-up': [
      [{ child: 'sidekiq', afterMs: 60_000 }, 'info', 'sidekiq was not seen ready within 1 min; it counts as up'],
    ],
    recycling: [
      [
        { child: 'sidekiq', why: 'it has run long enough', quietMs: 60_000 },
        'info',
        'it has run long enough; recycling sidekiq: no new work, and a restart when it is idle, after 1 min at the latest',
      ],
    ],
    'not-recycling': [
      [
        { child: 'sidekiq', why: 'the last recycle is too fresh' },
        'info',
        'not recycling sidekiq now: the last recycle is too fresh',
      ],
    ],
    restarting: [
      [{ child: 'sidekiq', idle: true }, 'info', 'restarting sidekiq, which is idle'],
      [{ child: 'sidekiq', idle: false }, 'info', 'restarting sidekiq, which is still at work'],
    ],
    saving: [
      [
        { child: 'sidekiq', why: 'memory at 187 % of 512 MB', killed: false },
        'warn',
        'memory at 187 % of 512 MB; restarting sidekiq at once',
      ],
      [
        { child: 'sidekiq', why: 'memory at 195 % of 512 MB', killed: true },
        'warn',
        'memory at 195 % of 512 MB; killing sidekiq at once',
      ],
    ],
    ending: [
      [
        { process: 'convert (pid 7)', why: 'memory at 152 % of 512 MB', killAfterMs: 2000 },
        'warn',
        'memory at 152 % of 512 MB; ending convert (pid 7)',
      ],
      [
        { process: 'convert (pid 7)', why: 'memory at 187 % of 512 MB', killAfterMs: 0 },
        'warn',
        'memory at 187 % of 512 MB; killing convert (pid 7)',
      ],
    ],
    memory: [
      [
        { level: 'warn', text: 'memory at 104 % of 512 MB', usedBytes: 1, quotaBytes: 1 },
        'warn',
        'memory at 104 % of 512 MB',
      ],
    ],
    listening: [[{ at: '[::]:5006' }, 'info', 'the router listens on [::]:5006']],
    resting: [
      [
        { child: 'streaming', idleMs: 900_000 },
        'info',
        'nobody has wanted streaming for 15 min; stopping it until somebody does',
      ],
      [
        { child: 'streaming', why: 'memory at 190 % of 512 MB' },
        'warn',
        'memory at 190 % of 512 MB; stopping streaming until there is memory for it',
      ],
    ],
    fell: [
      [
        { child: 'streaming', pauseMs: 2000, notReadyAfterMs: null },
        'warn',
        'streaming ended unasked; it starts again when it is wanted, in 2.0 s at the earliest',
      ],
      [
        { child: 'streaming', pauseMs: 1000, notReadyAfterMs: 60_000 },
        'warn',
        'streaming is not ready after 1 min, stopping it; it starts again when it is wanted, in 1.0 s at the earliest',
      ],
    ],
    'not-woken': [
      [
        { child: 'streaming', why: 'memory at 160 % of 512 MB' },
        'warn',
        'streaming is wanted and not started: memory at 160 % of 512 MB',
      ],
    ],
    available: [[{ child: 'streaming' }, 'debug', 'streaming can start again']],
    'router-trouble': [
      [{ child: 'puma', why: 'ECONNREFUSED', count: 1 }, 'warn', 'puma: ECONNREFUSED'],
      [{ child: 'puma', why: 'ECONNREFUSED', count: 3 }, 'warn', 'puma: ECONNREFUSED, 3 times'],
    ],
    outcome: [
      [
        { code: 0, reason: 'asked to stop by SIGTERM; everything ended by itself', cause: 'done' },
        'info',
        'asked to stop by SIGTERM; everything ended by itself; exit code 0',
      ],
      [{ code: 137, reason: 'puma was killed', cause: 'done' }, 'error', 'puma was killed; exit code 137'],
      [{ code: 1, reason: 'puma ended with code 0', cause: 'done' }, 'error', 'puma ended with code 0; exit code 1'],
    ],
  };

describe.each(Object.entries(TABLE))('%s', (fact, rows) => {
  test.each<readonly [object, Level, string]>(rows)('%o', (fields, level, message) => {
    expect(describeFact({ fact, ...fields } as Fact)).toEqual({ level, message });
  });
});

test.each([
  'postgres://mastodon:s3cret@db.example/mastodon',
  `DATABASE_URL=postgres://mastodon:it's s3cret "here"@db.example/mastodon`,
  '--redis=redis://:s3cret@cache.example:6379',
  'https://me:s3cret@proxy.example',
])('%s in a command is hidden', (word) => {
  const messages = [
    describeFact({ fact: 'started', child: 'puma', command: ['env', word, 'puma'], pid: 1 }),
    describeFact({ fact: 'started', child: 'migrate', command: ['env', word, 'rails'], pid: 1 }),
  ].map(({ message }) => message);
  expect(messages.map((message) => message.includes('://[hidden]'))).toEqual([true, true]);
  expect(messages.filter((message) => message.includes('s3cret') || message.includes('.example'))).toEqual([]);
});

test('an address in a reason is hidden', () => {
  const error = new Error('command not found: postgres://u:s3cret@db.example/m');
  const status = { kind: 'not-started', error } as const;
  const messages = [
    describeFact({ fact: 'ended', child: 'puma', status, afterMs: 1 }),
    describeFact({ fact: 'ended', child: 'migrate', status, afterMs: 1 }),
    describeFact({ fact: 'stopping', because: `puma could not start: ${error.message}`, children: [], atMostMs: 1 }),
    describeFact({
      fact: 'outcome',
      code: 127,
      reason: `migrate: ${error.message}; nothing was started`,
      cause: 'done',
    }),
  ].map(({ message }) => message);
  expect(messages.filter((message) => !message.includes('postgres://[hidden]') || message.includes('example'))).toEqual(
    [],
  );
  expect(messages.at(-1)).toMatch(/; exit code 127$/);
});
