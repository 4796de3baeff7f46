import { expect, test } from 'vitest';
import type { LogEvent } from '../../src/log/events.ts';
import { describeEvent, type Level } from '../../src/log/messages.ts';

const HOUR = 3_600_000;

/** Distributes over the forms of an event. */
type Fields<E> = E extends unknown ? Omit<E, 'event'> : never;
type Row = readonly [object, Level, string];

/** Every event in each of its forms: fields, level and text. */
const TABLE: {
  [E in LogEvent['event']]: readonly (readonly [Fields<Extract<LogEvent, { event: E }>>, Level, string])[];
} = {
  plan: [[{ text: 'web: puma (5 threads)' }, 'info', 'web: puma (5 threads)']],
  warning: [[{ text: 'DB_POOL=1 is too small' }, 'warn', 'DB_POOL=1 is too small']],
  'internal-error': [[{ stack: 'Error: a' }, 'error', 'internal error; please report it: Error: a']],
  started: [
    [
      { child: 'puma', command: ['bundle', 'exec', 'puma', '-C', 'config/puma.rb'], pid: 42 },
      'info',
      'puma started: bundle exec puma -C config/puma.rb (pid 42)',
    ],
    [{ child: 'puma', command: ['sh', '-c', 'exec puma'], pid: 1 }, 'info', "puma started: sh -c 'exec puma' (pid 1)"],
  ],
  ready: [[{ child: 'sidekiq', afterMs: 6123 }, 'info', 'sidekiq is ready after 6.1 s']],
  'dependency-timeout': [
    [
      { child: 'sidekiq-2', dependency: 'puma', afterMs: 45_000 },
      'warn',
      'puma is not ready after 45 s; starting sidekiq-2 anyway',
    ],
  ],
  'readiness-unknown': [
    [{ child: 'sidekiq', reason: 'no tmp/ here' }, 'warn', 'cannot see when sidekiq is ready: no tmp/ here'],
  ],
  exited: [
    [
      { child: 'puma', status: { kind: 'exited', code: 3 }, afterMs: 340, killedByUs: false },
      'info',
      'puma exited with code 3 after 340 ms',
    ],
    [
      { child: 'sidekiq', status: { kind: 'signaled', signal: 'SIGKILL' }, afterMs: 3.2 * HOUR, killedByUs: false },
      'info',
      'sidekiq was killed by SIGKILL (out of memory?) after 3 h 12 min',
    ],
    [
      { child: 'puma', status: { kind: 'signaled', signal: 'SIGTERM' }, afterMs: 50 * HOUR, killedByUs: false },
      'info',
      'puma was killed by SIGTERM after 2 d 2 h',
    ],
    [
      {
        child: 'puma',
        status: { kind: 'not-started', error: new Error('spawn puma EACCES') },
        afterMs: 1,
        killedByUs: false,
      },
      'info',
      'puma could not start: spawn puma EACCES',
    ],
  ],
  stopping: [
    [
      { reason: 'SIGTERM', children: ['puma', 'sidekiq'], killAfterMs: 28_500 },
      'info',
      'SIGTERM; stopping puma, sidekiq; 28.5 s at most',
    ],
    [
      { reason: 'puma exited with code 0', children: ['sidekiq'], killAfterMs: 58_500 },
      'info',
      'puma exited with code 0; stopping sidekiq; 58.5 s at most',
    ],
    [{ reason: 'SIGINT', children: [], killAfterMs: 28_500 }, 'info', 'SIGINT; nothing else is running'],
  ],
  broadcast: [
    [
      { child: 'puma', afterMs: 12 },
      'info',
      'SIGTERM came 12 ms after puma exited: the platform had asked every process to stop',
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
  unkillable: [
    [{ children: ['puma'] }, 'error', 'puma cannot be ended; exiting before the platform kills the supervisor'],
    [{ children: ['puma', 'x'] }, 'error', 'puma, x cannot be ended; exiting before the platform kills the supervisor'],
  ],
  'signal-forwarded': [
    [{ signal: 'SIGTTIN', children: ['sidekiq-1', 'sidekiq-2'] }, 'info', 'SIGTTIN forwarded to sidekiq-1, sidekiq-2'],
    [{ signal: 'SIGUSR1', children: ['puma'] }, 'info', 'SIGUSR1 forwarded to puma'],
    [{ signal: 'SIGUSR2', children: [] }, 'info', 'no process accepts SIGUSR2'],
  ],
  'assumed-ready': [
    [
      { child: 'sidekiq', afterMs: 60_000 },
      'info',
      'sidekiq was not seen to become ready within 1 min; assuming that it is',
    ],
  ],
  'graceful-restart': [
    [
      { child: 'sidekiq', reason: 'it has run long enough', quietMs: 60_000 },
      'info',
      'it has run long enough; restarting sidekiq gracefully: no new work, and SIGTERM when it is idle, after 1 min at the latest',
    ],
  ],
  'restart-postponed': [
    [
      { child: 'sidekiq', reason: 'the last restart was less than 10 minutes ago' },
      'info',
      'not restarting sidekiq now: the last restart was less than 10 minutes ago',
    ],
  ],
  restarting: [
    [{ child: 'sidekiq', idle: true }, 'info', 'restarting sidekiq, which is idle'],
    [{ child: 'sidekiq', idle: false }, 'info', 'restarting sidekiq, which is still at work'],
  ],
  'emergency-restart': [
    [
      { child: 'sidekiq', reason: 'memory 957 of 512 MB (187 %)', killed: false },
      'warn',
      'memory 957 of 512 MB (187 %); restarting sidekiq at once',
    ],
    [
      { child: 'sidekiq', reason: 'memory 998 of 512 MB (195 %)', killed: true },
      'warn',
      'memory 998 of 512 MB (195 %); killing sidekiq at once',
    ],
  ],
  terminating: [
    [
      { process: 'convert (pid 7)', reason: 'memory 778 of 512 MB (152 %)', killAfterMs: 2000 },
      'warn',
      'memory 778 of 512 MB (152 %); ending convert (pid 7)',
    ],
    [
      { process: 'convert (pid 7)', reason: 'memory 957 of 512 MB (187 %)', killAfterMs: 0 },
      'warn',
      'memory 957 of 512 MB (187 %); killing convert (pid 7)',
    ],
  ],
  memory: [
    [
      { level: 'warn', text: 'memory 532 of 512 MB (104 %)', usedBytes: 1, quotaBytes: 1 },
      'warn',
      'memory 532 of 512 MB (104 %)',
    ],
  ],
  listening: [[{ address: '[::]:5006' }, 'info', 'the router listens on [::]:5006']],
  'idle-stopped': [
    [
      { child: 'streaming', idleMs: 900_000 },
      'info',
      'streaming has had no connection for 15 min; stopping it until the next request',
    ],
  ],
  'stopped-for-memory': [
    [
      { child: 'streaming', reason: 'memory 973 of 512 MB (190 %)' },
      'warn',
      'memory 973 of 512 MB (190 %); stopping streaming until there is memory for it',
    ],
  ],
  'backing-off': [
    [
      { child: 'streaming', pauseMs: 2000, notReadyAfterMs: null },
      'warn',
      'streaming exited unexpectedly; it starts again with the next request, in 2.0 s at the earliest',
    ],
    [
      { child: 'streaming', pauseMs: 1000, notReadyAfterMs: 60_000 },
      'warn',
      'streaming is not ready after 1 min, stopping it; it starts again with the next request, in 1.0 s at the earliest',
    ],
  ],
  'start-denied': [
    [
      { child: 'streaming', reason: 'memory 819 of 512 MB (160 %)' },
      'warn',
      'streaming is requested but not started: memory 819 of 512 MB (160 %)',
    ],
  ],
  startable: [[{ child: 'streaming' }, 'debug', 'streaming can start again']],
  'router-warning': [
    [{ child: 'puma', reason: 'ECONNREFUSED', count: 1 }, 'warn', 'puma: ECONNREFUSED'],
    [{ child: 'puma', reason: 'ECONNREFUSED', count: 3 }, 'warn', 'puma: ECONNREFUSED, 3 times'],
  ],
  outcome: [
    [
      { code: 0, reason: 'asked to stop by SIGTERM; everything ended by itself', cause: 'done' },
      'info',
      'asked to stop by SIGTERM; everything ended by itself; exit code 0',
    ],
    [{ code: 137, reason: 'puma was killed', cause: 'done' }, 'error', 'puma was killed; exit code 137'],
    [{ code: 1, reason: 'puma exited with code 0', cause: 'done' }, 'error', 'puma exited with code 0; exit code 1'],
  ],
};

test.each(Object.entries(TABLE))('level and text of the event %s', (event, rows: readonly Row[]) => {
  for (const [fields, level, text] of rows) {
    expect(describeEvent({ event, ...fields } as LogEvent)).toEqual({ level, text });
  }
});

test.each([
  'postgres://mastodon:s3cret@db.example/mastodon',
  `DATABASE_URL=postgres://mastodon:it's s3cret "here"@db.example/mastodon`,
  '--redis=redis://:s3cret@cache.example:6379',
  'https://me:s3cret@proxy.example',
])('an address in a command is hidden: %s', (word) => {
  const messages = [
    describeEvent({ event: 'started', child: 'puma', command: ['env', word, 'puma'], pid: 1 }),
    describeEvent({ event: 'started', child: 'migrate', command: ['env', word, 'rails'], pid: 1 }),
  ].map(({ text }) => text);
  expect(messages.map((message) => message.includes('://[hidden]'))).toEqual([true, true]);
  expect(messages.filter((message) => message.includes('s3cret') || message.includes('.example'))).toEqual([]);
});

test('an address in a reason is hidden', () => {
  const error = new Error('command not found: postgres://u:s3cret@db.example/m');
  const status = { kind: 'not-started', error } as const;
  const messages = [
    describeEvent({ event: 'exited', child: 'puma', status, afterMs: 1, killedByUs: false }),
    describeEvent({ event: 'exited', child: 'migrate', status, afterMs: 1, killedByUs: false }),
    describeEvent({
      event: 'stopping',
      reason: `puma could not start: ${error.message}`,
      children: [],
      killAfterMs: 1,
    }),
    describeEvent({
      event: 'outcome',
      code: 127,
      reason: `migrate: ${error.message}; nothing was started`,
      cause: 'done',
    }),
  ].map(({ text }) => text);
  expect(messages.filter((message) => !message.includes('postgres://[hidden]') || message.includes('example'))).toEqual(
    [],
  );
  expect(messages.at(-1)).toMatch(/; exit code 127$/);
});
