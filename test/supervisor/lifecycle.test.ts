import { describe, expect, test } from 'vitest';
import { child, servePlan, web, worker } from '../fakes/plan.ts';
import {
  allReaped,
  broadcastWindowClosed,
  codeOf,
  dependencyTimeout,
  exitDeadline,
  exited,
  killDeadline,
  outcomeOf,
  phaseOf,
  ready,
  readyTimeout,
  replay,
  resendTerm,
  signal,
} from './replay.ts';

describe('start', () => {
  test('puma starts at once, sidekiq waits for it', () => {
    expect(replay(web).effects).toEqual([['spawn puma', 'dependency-timeout at 45000']]);
  });

  test('sidekiq starts once, as soon as puma is ready', () => {
    const { effects } = replay(web, ready('puma', 6000), dependencyTimeout('sidekiq', 45_000), ready('puma', 46_000));
    expect(effects.slice(1)).toEqual([['spawn sidekiq'], [], []]);
  });

  test('sidekiq starts anyway when puma takes too long, and not again when puma becomes ready', () => {
    const { effects } = replay(
      web,
      dependencyTimeout('sidekiq', 45_000),
      ready('puma', 50_000),
      ready('sidekiq', 55_000),
    );
    expect(effects.slice(1)).toEqual([['spawn sidekiq'], [], []]);
  });

  test('several sidekiq processes all start when puma is ready', () => {
    const start = { afterReady: 'puma', timeoutMs: 45_000 };
    const plan = servePlan(child('puma'), child('sidekiq-1', { start }), child('sidekiq-2', { start }));
    expect(replay(plan, ready('puma', 1)).last).toEqual(['spawn sidekiq-1', 'spawn sidekiq-2']);
  });

  test('in a worker dyno, sidekiq starts at once', () => {
    expect(replay(worker).effects).toEqual([['spawn sidekiq']]);
  });
});

describe('stop on a signal', () => {
  const stopping = ['kill-deadline at 38500', 'exit-deadline at 39700'];

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s: SIGTERM to all children at the same time, one deadline',
    (name) => {
      const { last } = replay(web, ready('puma', 5000), ready('sidekiq', 9000), signal(name, 10_000));
      expect(last).toEqual(['SIGTERM puma', 'SIGTERM sidekiq', ...stopping]);
    },
  );

  test('before puma is ready, sidekiq never starts', () => {
    const { effects, state } = replay(
      web,
      signal('SIGTERM', 10_000),
      ready('puma', 10_001),
      dependencyTimeout('sidekiq', 45_000),
    );
    expect(effects.slice(1)).toEqual([['SIGTERM puma', 'resend-term at 11000', ...stopping], [], []]);
    expect(phaseOf(state)).toBe('terminating');
  });

  test('a starting child may lose SIGTERM, so it gets a second one', () => {
    const { effects } = replay(web, signal('SIGTERM', 10_000), resendTerm('puma', 11_000));
    expect(effects.at(-1)).toEqual(['SIGTERM puma']);
    const afterExit = replay(
      web,
      signal('SIGTERM', 10_000),
      exited('puma', 'SIGTERM', 10_100),
      resendTerm('puma', 11_000),
    );
    expect(afterExit.effects.at(-1)).toEqual([]);
    expect(replay(web, signal('SIGTERM', 10_000)).last).toContain('resend-term at 11000');
  });

  test('everything is reaped after the last exit; leftovers of earlier children are reaped at once', () => {
    const start = [ready('puma', 1), signal('SIGTERM', 10_000)];
    const { effects } = replay(web, ...start, exited('sidekiq', 0, 11_000), exited('puma', 'SIGTERM', 12_000));
    expect(effects.slice(3)).toEqual([['reap sidekiq until 38500'], ['reap all until 38500']]);
  });

  test('inside the broadcast window, leftovers of the last child are reaped at once', () => {
    const { effects } = replay(web, ready('puma', 1), exited('puma', 'SIGTERM', 10_000), exited('sidekiq', 0, 10_100));
    expect(effects.at(-1)).toEqual([expect.stringMatching(/^reap sidekiq until /)]);
  });

  test('a second SIGTERM and SIGHUP change nothing', () => {
    const { effects, state } = replay(web, signal('SIGTERM', 0), signal('SIGTERM', 1), signal('SIGHUP', 2));
    expect(effects.slice(2)).toEqual([[], []]);
    expect(state).toMatchObject({
      phase: 'stopping',
      step: 'terminating',
      deadlines: { stopAtMs: 0, killAtMs: 28_500, exitAtMs: 29_700 },
    });
  });

  test('a second SIGINT kills at once; one SIGINT after SIGTERM does not', () => {
    expect(replay(web, signal('SIGINT', 0), signal('SIGINT', 9)).last).toEqual(['kill all']);
    expect(replay(web, signal('SIGTERM', 0), signal('SIGINT', 9)).last).toEqual([]);
    expect(replay(web, signal('SIGTERM', 0), signal('SIGINT', 9), signal('SIGINT', 10)).last).toEqual(['kill all']);
  });

  test('the kill deadline kills everything, then leftovers are reaped; the exit deadline ends the dyno', () => {
    const late = [signal('SIGTERM', 0), killDeadline(28_500)];
    expect(replay(web, ...late).last).toEqual(['kill all']);
    expect(replay(web, ...late, exited('puma', 'SIGKILL', 28_510)).last).toEqual(['reap all until 0']);
    expect(replay(web, ...late, exitDeadline(29_700)).phase).toBe('done');
  });

  test('signals while killing, and SIGTERM and one SIGINT while reaping, change nothing', () => {
    const killing = [signal('SIGINT', 0), signal('SIGINT', 1), signal('SIGTERM', 2), signal('SIGINT', 3)];
    expect(replay(web, ...killing).effects.slice(3)).toEqual([[], []]);
    const reaping = [signal('SIGTERM', 0), exited('puma', 0, 1), signal('SIGTERM', 2), signal('SIGINT', 3)];
    expect(replay(web, ...reaping).effects.slice(3)).toEqual([[], []]);
  });

  test('a second SIGINT while reaping kills leftovers at once', () => {
    const reaping = [signal('SIGINT', 0), exited('puma', 0, 1)];
    const interrupts = [signal('SIGINT', 2), signal('SIGINT', 3)];
    expect(replay(web, ...reaping, ...interrupts).effects.slice(3)).toEqual([['reap all until 2'], []]);
  });
});

describe('an unexpected exit', () => {
  test('of a child with any status stops the others', () => {
    for (const status of [0, 1, 3, 'SIGKILL', 'SIGSEGV'] as const) {
      const { last } = replay(web, ready('puma', 1), exited('sidekiq', status, 1000));
      expect(last[0], `status ${status}`).toBe('SIGTERM puma');
    }
  });

  test('of puma before it is ready ends the dyno, and sidekiq never starts', () => {
    const history = [exited('puma', 1, 500), allReaped(501)];
    expect(replay(web, ...history).effects[1]).toEqual([
      'kill-deadline at 29000',
      'exit-deadline at 30200',
      'reap all until 29000',
    ]);
    expect(codeOf(web, ...history)).toBe(1);
  });

  test('the first cause is kept when the others exit with an error', () => {
    const history = [ready('puma', 1), exited('puma', 3, 2), exited('sidekiq', 'SIGSEGV', 9), allReaped(10)];
    expect(codeOf(web, ...history)).toBe(3);
  });

  test('a signal after a crash does not replace the cause', () => {
    const history = [
      ready('puma', 1),
      exited('puma', 3, 2),
      signal('SIGTERM', 3),
      exited('sidekiq', 0, 9),
      allReaped(10),
    ];
    expect(codeOf(web, ...history)).toBe(3);
  });
});

describe('broadcast: the platform sends SIGTERM to every process', () => {
  test('an exit with 0, 143 or SIGTERM just before our SIGTERM counts as asked for', () => {
    for (const status of [0, 143, 'SIGTERM'] as const) {
      const history = [exited('sidekiq', status, 1000), signal('SIGTERM', 1999), allReaped(2000)];
      expect(codeOf(worker, ...history), `status ${status}`).toBe(0);
    }
  });

  test('after the last exit, wait for SIGTERM until the window closes; then it was a crash', () => {
    const { effects, state } = replay(worker, exited('sidekiq', 0, 1000));
    expect(effects[1]).toEqual([
      'kill-deadline at 29500',
      'exit-deadline at 30700',
      'broadcast-window-closed at 2000',
      'reap sidekiq until 29500',
    ]);
    expect(phaseOf(state)).toBe('terminating');
    expect(codeOf(worker, exited('sidekiq', 0, 1000), broadcastWindowClosed(2000), allReaped(2001))).toBe(1);
    expect(codeOf(worker, exited('sidekiq', 143, 1000), broadcastWindowClosed(2000), allReaped(2001))).toBe(143);
  });

  test('a short kill deadline shortens the window, and leaves a third of the time for leftovers', () => {
    const stop = { budgetMs: 2000, killAfterMs: 500, exitAfterMs: 1700 };
    const short = { ...worker, stop };
    const crash = exited('sidekiq', 0, 1000);
    expect(replay(short, crash).last).toContain('broadcast-window-closed at 1333');
    expect(replay(short, crash, broadcastWindowClosed(1333)).last).toEqual(['reap all until 1500']);
    expect(codeOf(short, crash, broadcastWindowClosed(1333), signal('SIGTERM', 1334), allReaped(1335))).toBe(1);
    expect(codeOf(short, crash, signal('SIGTERM', 1332), allReaped(1333))).toBe(0);
  });

  test('the others are stopped during the window, and the deadline does not move', () => {
    const history = [ready('puma', 1), exited('sidekiq', 0, 1000), signal('SIGTERM', 1100)];
    const { effects, state } = replay(web, ...history);
    expect(effects[2]?.[0]).toBe('SIGTERM puma');
    expect(state).toMatchObject({ cause: { kind: 'signal' }, deadlines: { stopAtMs: 1000 } });
  });

  test('a second SIGINT closes the window: it was a crash', () => {
    const interrupts = [signal('SIGINT', 1100), signal('SIGINT', 1200)];
    const { effects, state } = replay(worker, exited('sidekiq', 143, 1000), ...interrupts);
    expect(effects.at(-1)).toContain('reap all until 1000');
    expect(phaseOf(state)).toBe('reaping');
    expect(codeOf(worker, exited('sidekiq', 143, 1000), ...interrupts, signal('SIGTERM', 1201), allReaped(1300))).toBe(
      143,
    );
  });

  test('a late SIGTERM, another signal or another status: a crash', () => {
    const late = [
      ready('puma', 1),
      exited('sidekiq', 0, 1000),
      signal('SIGTERM', 2001),
      exited('puma', 0, 2100),
      allReaped(2101),
    ];
    expect(codeOf(web, ...late)).toBe(1);
    const interrupted = [
      exited('sidekiq', 0, 1000),
      signal('SIGINT', 1001),
      broadcastWindowClosed(2000),
      allReaped(2001),
    ];
    expect(codeOf(worker, ...interrupted)).toBe(1);
    expect(codeOf(worker, exited('sidekiq', 1, 1000), signal('SIGTERM', 1001), allReaped(1002))).toBe(1);
    expect(codeOf(worker, exited('sidekiq', 'SIGKILL', 1000), signal('SIGTERM', 1001), allReaped(1002))).toBe(137);
  });
});

describe('forwarded signals', () => {
  test.each([
    ['SIGTTIN', ['SIGTTIN sidekiq']],
    ['SIGUSR1', ['SIGUSR1 puma']],
    ['SIGUSR2', ['SIGUSR2 puma']],
  ] as const)('%s goes to the children that accept it', (name, forwarded) => {
    expect(replay(web, ready('puma', 1), ready('sidekiq', 2), signal(name, 3)).last).toEqual(forwarded);
  });

  test('a signal that would end a starting child waits until it is ready or assumed ready', () => {
    expect(replay(web, signal('SIGUSR2', 59_999)).last).toEqual([]);
    expect(replay(web, readyTimeout('puma', 0, 60_000), signal('SIGUSR2', 60_001)).last).toEqual(['SIGUSR2 puma']);
  });

  test('a child that does not run gets none', () => {
    expect(replay(web, signal('SIGTTIN', 2)).last).toEqual([]);
    expect(replay(worker, signal('SIGUSR1', 2)).last).toEqual([]);
  });

  test('while stopping, SIGTTIN (thread dump) is forwarded and SIGUSR2 (restart) is not', () => {
    const stopping = [ready('puma', 1), ready('sidekiq', 1), signal('SIGTERM', 2)];
    expect(replay(web, ...stopping, signal('SIGTTIN', 3)).last).toEqual(['SIGTTIN sidekiq']);
    expect(replay(web, ...stopping, signal('SIGUSR2', 3)).last).toEqual([]);
  });
});

describe('outcome', () => {
  test('the reason of a crash names the child, its status and age, and the stopped children', () => {
    const at = 3 * 3_600_000 + 12 * 60_000;
    const history = [
      ready('puma', 0),
      exited('sidekiq', 'SIGKILL', at),
      exited('puma', 'SIGTERM', at + 9),
      allReaped(at + 9),
    ];
    expect(outcomeOf(web, ...history).reason).toBe(
      'sidekiq was killed by SIGKILL (out of memory?) 3 h 12 min after it started; stopped puma',
    );
  });

  test('the reason of a stop says whether a child had to be killed', () => {
    const clean = [signal('SIGTERM', 0), exited('puma', 'SIGTERM', 1), allReaped(2)];
    expect(outcomeOf(web, ...clean)).toMatchObject({
      code: 0,
      reason: 'asked to stop by SIGTERM; everything ended by itself',
    });
    const killed = [signal('SIGTERM', 0), killDeadline(28_500), exited('puma', 'SIGKILL', 28_510), allReaped(28_511)];
    expect(outcomeOf(web, ...killed)).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; puma had to be killed',
    });
  });

  test('a SIGKILL from outside while stopping counts as killed as well: jobs may be lost', () => {
    const history = [
      ready('puma', 0),
      signal('SIGTERM', 1),
      exited('sidekiq', 'SIGKILL', 2),
      exited('puma', 0, 3),
      allReaped(4),
    ];
    expect(outcomeOf(web, ...history)).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; sidekiq was killed by SIGKILL while stopping (out of memory?)',
    });
  });

  test('the outcome holds the cause as fields', () => {
    const crash = [ready('puma', 1), exited('sidekiq', 3, 10), exited('puma', 0, 11), allReaped(12)];
    expect(outcomeOf(web, ...crash)).toMatchObject({
      cause: 'child-exited',
      child: 'sidekiq',
      status: { code: 3 },
      afterMs: 9,
    });
    expect(outcomeOf(web, signal('SIGTERM', 0), exited('puma', 0, 1), allReaped(2))).toMatchObject({
      cause: 'signal',
      signal: 'SIGTERM',
    });
  });

  test('a child that never started is not named as stopped', () => {
    const error = new Error('no more processes are allowed here');
    const plan = servePlan(child('puma'), child('sidekiq-1'), child('sidekiq-2'));
    const history = [exited('sidekiq-1', error, 1), exited('sidekiq-2', error, 1), exited('puma', 0, 2), allReaped(3)];
    expect(outcomeOf(plan, ...history).reason).toBe(`sidekiq-1 could not start: ${error.message}; stopped puma`);
  });

  test('a leftover counts when it had to be killed, not when it exited', () => {
    const stopped = [signal('SIGTERM', 0), exited('puma', 0, 1)];
    expect(codeOf(web, ...stopped, allReaped(2, { ended: ['sleep (pid 9)'] }))).toBe(0);
    expect(outcomeOf(web, ...stopped, allReaped(2, { killed: ['sleep (pid 9)'] }))).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; sleep (pid 9) had to be killed',
    });
  });

  test('processes that cannot be killed do not delay the exit', () => {
    const stuck = [signal('SIGTERM', 0), killDeadline(28_500), exitDeadline(29_700)];
    expect(outcomeOf(web, ...stuck)).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; puma had to be killed',
    });
    const escaped = [signal('SIGTERM', 0), exited('puma', 0, 1), exitDeadline(29_700)];
    expect(codeOf(web, ...escaped)).toBe(137);
  });

  test('a child that could not start sets exit code 127 or 126', () => {
    for (const [errorCode, code] of [
      ['ENOENT', 127],
      ['EACCES', 126],
      ['EAGAIN', 126],
    ] as const) {
      const error = Object.assign(new Error('nope'), { code: errorCode });
      const outcome = outcomeOf(worker, exited('sidekiq', error, 0), allReaped(1));
      expect(outcome, errorCode).toMatchObject({ code, reason: 'sidekiq could not start: nope' });
    }
  });

  test('events after the dyno is done change nothing', () => {
    const over = [exited('sidekiq', 3, 0), allReaped(1)];
    const { state } = replay(worker, ...over);
    expect(replay(worker, ...over, signal('SIGTERM', 2), exited('sidekiq', 0, 3), killDeadline(4)).state).toEqual(
      state,
    );
  });
});
