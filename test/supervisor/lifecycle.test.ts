import { describe, expect, test } from 'vitest';
import { child, servePlan, web, worker } from '../fakes/plan.ts';
import {
  allReaped,
  broadcastWindowClosed,
  codeOf,
  dependencyTimeout,
  end,
  exitDeadline,
  exited,
  killDeadline,
  phaseOf,
  ready,
  readyTimeout,
  replay,
  resendTerm,
  signal,
} from './replay.ts';

describe('start', () => {
  test('puma at once, sidekiq waits', () => {
    expect(replay(web).did).toEqual([['spawn puma', 'dependency-timeout at 45000']]);
  });

  test('sidekiq as soon as puma is ready, once', () => {
    const { did } = replay(web, ready('puma', 6000), dependencyTimeout('sidekiq', 45_000), ready('puma', 46_000));
    expect(did.slice(1)).toEqual([['spawn sidekiq'], [], []]);
  });

  test('sidekiq anyway when puma takes too long, and not again when puma is ready at last', () => {
    const { did } = replay(web, dependencyTimeout('sidekiq', 45_000), ready('puma', 50_000), ready('sidekiq', 55_000));
    expect(did.slice(1)).toEqual([['spawn sidekiq'], [], []]);
  });

  test('several sidekiq processes all start when puma is ready', () => {
    const start = { afterReady: 'puma', timeoutMs: 45_000 };
    const plan = servePlan(child('puma'), child('sidekiq-1', { start }), child('sidekiq-2', { start }));
    expect(replay(plan, ready('puma', 1)).last).toEqual(['spawn sidekiq-1', 'spawn sidekiq-2']);
  });

  test('worker: sidekiq at once', () => {
    expect(replay(worker).did).toEqual([['spawn sidekiq']]);
  });
});

describe('stop on a signal', () => {
  const stopping = ['kill-deadline at 38500', 'exit-deadline at 39700'];

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s: TERM to all at the same time, one deadline', (name) => {
    const { last } = replay(web, ready('puma', 5000), ready('sidekiq', 9000), signal(name, 10_000));
    expect(last).toEqual(['SIGTERM puma', 'SIGTERM sidekiq', ...stopping]);
  });

  test('before puma is ready: sidekiq never starts', () => {
    const { did, state } = replay(
      web,
      signal('SIGTERM', 10_000),
      ready('puma', 10_001),
      dependencyTimeout('sidekiq', 45_000),
    );
    expect(did.slice(1)).toEqual([['SIGTERM puma', 'resend-term at 11000', ...stopping], [], []]);
    expect(phaseOf(state)).toBe('terminating');
  });

  test('who is still starting may have lost its TERM, and gets it once more', () => {
    const { did } = replay(web, signal('SIGTERM', 10_000), resendTerm('puma', 11_000));
    expect(did.at(-1)).toEqual(['SIGTERM puma']);
    const ended = replay(web, signal('SIGTERM', 10_000), exited('puma', 'SIGTERM', 10_100), resendTerm('puma', 11_000));
    expect(ended.did.at(-1)).toEqual([]);
    expect(replay(web, signal('SIGTERM', 10_000)).last).toContain('resend-term at 11000');
  });

  test('the sweep comes once the last child has ended, whatever the order; what the others leave behind ends with them', () => {
    const start = [ready('puma', 1), signal('SIGTERM', 10_000)];
    const { did } = replay(web, ...start, exited('sidekiq', 0, 11_000), exited('puma', 'SIGTERM', 12_000));
    expect(did.slice(3)).toEqual([['reap sidekiq until 38500'], ['reap all until 38500']]);
  });

  test("while an end may still be the platform's TERM, what the last child leaves behind does not wait for the sweep", () => {
    const { did } = replay(web, ready('puma', 1), exited('puma', 'SIGTERM', 10_000), exited('sidekiq', 0, 10_100));
    expect(did.at(-1)).toEqual([expect.stringMatching(/^reap sidekiq until /)]);
  });

  test('a second TERM and HUP change nothing', () => {
    const { did, state } = replay(web, signal('SIGTERM', 0), signal('SIGTERM', 1), signal('SIGHUP', 2));
    expect(did.slice(2)).toEqual([[], []]);
    expect(state).toMatchObject({
      phase: 'stopping',
      step: 'terminating',
      deadlines: { stopAtMs: 0, killAtMs: 28_500, exitAtMs: 29_700 },
    });
  });

  test('a second INT kills at once; one INT after a TERM does not', () => {
    expect(replay(web, signal('SIGINT', 0), signal('SIGINT', 9)).last).toEqual(['kill all']);
    expect(replay(web, signal('SIGTERM', 0), signal('SIGINT', 9)).last).toEqual([]);
    expect(replay(web, signal('SIGTERM', 0), signal('SIGINT', 9), signal('SIGINT', 10)).last).toEqual(['kill all']);
  });

  test('what is left at the deadline is killed, and what that has missed at once; at the very end it is left behind', () => {
    const late = [signal('SIGTERM', 0), killDeadline(28_500)];
    expect(replay(web, ...late).last).toEqual(['kill all']);
    expect(replay(web, ...late, exited('puma', 'SIGKILL', 28_510)).last).toEqual(['reap all until 0']);
    expect(replay(web, ...late, exitDeadline(29_700)).phase).toBe('done');
  });

  test('signals while killing, and TERMs and one SIGINT while sweeping, change nothing', () => {
    const killing = [signal('SIGINT', 0), signal('SIGINT', 1), signal('SIGTERM', 2), signal('SIGINT', 3)];
    expect(replay(web, ...killing).did.slice(3)).toEqual([[], []]);
    const sweeping = [signal('SIGTERM', 0), exited('puma', 0, 1), signal('SIGTERM', 2), signal('SIGINT', 3)];
    expect(replay(web, ...sweeping).did.slice(3)).toEqual([[], []]);
  });

  test('a second SIGINT does not wait for what the children left behind', () => {
    const sweeping = [signal('SIGINT', 0), exited('puma', 0, 1)];
    const interrupts = [signal('SIGINT', 2), signal('SIGINT', 3)];
    expect(replay(web, ...sweeping, ...interrupts).did.slice(3)).toEqual([['reap all until 2'], []]);
  });
});

describe('wait-any', () => {
  test.each([0, 1, 3, 'SIGKILL', 'SIGSEGV'] as const)('a child that ends with %s stops the others', (status) => {
    const { last } = replay(web, ready('puma', 1), exited('sidekiq', status, 1000));
    expect(last[0]).toBe('SIGTERM puma');
  });

  test('puma that dies before it is ready ends the dyno, and sidekiq never starts', () => {
    const history = [exited('puma', 1, 500), allReaped(501)];
    expect(replay(web, ...history).did[1]).toEqual([
      'kill-deadline at 29000',
      'exit-deadline at 30200',
      'reap all until 29000',
    ]);
    expect(codeOf(web, ...history)).toBe(1);
  });

  test('the first cause is kept when the others end badly', () => {
    const history = [ready('puma', 1), exited('puma', 3, 2), exited('sidekiq', 'SIGSEGV', 9), allReaped(10)];
    expect(codeOf(web, ...history)).toBe(3);
  });

  test('a signal after a crash keeps the crash', () => {
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

describe('broadcast: the platform TERMs every process', () => {
  test.each([0, 143, 'SIGTERM'] as const)('a child that ends with %s just before our TERM was asked to', (status) => {
    const history = [exited('sidekiq', status, 1000), signal('SIGTERM', 1999), allReaped(2000)];
    expect(codeOf(worker, ...history)).toBe(0);
  });

  test('alone, it waits for our TERM until the window is over, then it was a crash', () => {
    const { did, state } = replay(worker, exited('sidekiq', 0, 1000));
    expect(did[1]).toEqual([
      'kill-deadline at 29500',
      'exit-deadline at 30700',
      'broadcast-window-closed at 2000',
      'reap sidekiq until 29500',
    ]);
    expect(phaseOf(state)).toBe('terminating');
    expect(codeOf(worker, exited('sidekiq', 0, 1000), broadcastWindowClosed(2000), allReaped(2001))).toBe(1);
    expect(codeOf(worker, exited('sidekiq', 143, 1000), broadcastWindowClosed(2000), allReaped(2001))).toBe(143);
  });

  test('a short time for children leaves a third of it to what outlived them: nobody is killed who has ended', () => {
    const stop = { budgetMs: 2000, killAfterMs: 500, exitAfterMs: 1700 };
    const short = { ...worker, stop };
    const crash = exited('sidekiq', 0, 1000);
    expect(replay(short, crash).last).toContain('broadcast-window-closed at 1333');
    expect(replay(short, crash, broadcastWindowClosed(1333)).last).toEqual(['reap all until 1500']);
    expect(codeOf(short, crash, broadcastWindowClosed(1333), signal('SIGTERM', 1334), allReaped(1335))).toBe(1);
    expect(codeOf(short, crash, signal('SIGTERM', 1332), allReaped(1333))).toBe(0);
  });

  test('the others are stopped meanwhile, and the deadline does not move', () => {
    const history = [ready('puma', 1), exited('sidekiq', 0, 1000), signal('SIGTERM', 1100)];
    const { did, state } = replay(web, ...history);
    expect(did[2]?.[0]).toBe('SIGTERM puma');
    expect(state).toMatchObject({ cause: { kind: 'signal' }, deadlines: { stopAtMs: 1000 } });
  });

  test('a second INT waits for no TERM: it was a crash', () => {
    const interrupts = [signal('SIGINT', 1100), signal('SIGINT', 1200)];
    const { did, state } = replay(worker, exited('sidekiq', 143, 1000), ...interrupts);
    expect(did.at(-1)).toContain('reap all until 1000');
    expect(phaseOf(state)).toBe('reaping');
    expect(codeOf(worker, exited('sidekiq', 143, 1000), ...interrupts, signal('SIGTERM', 1201), allReaped(1300))).toBe(
      143,
    );
  });

  test('too late, another signal, or another status: a crash', () => {
    const late = [
      ready('puma', 1),
      exited('sidekiq', 0, 1000),
      signal('SIGTERM', 2001),
      exited('puma', 0, 2100),
      allReaped(2101),
    ];
    expect(codeOf(web, ...late)).toBe(1);
    const int = [exited('sidekiq', 0, 1000), signal('SIGINT', 1001), broadcastWindowClosed(2000), allReaped(2001)];
    expect(codeOf(worker, ...int)).toBe(1);
    expect(codeOf(worker, exited('sidekiq', 1, 1000), signal('SIGTERM', 1001), allReaped(1002))).toBe(1);
    expect(codeOf(worker, exited('sidekiq', 'SIGKILL', 1000), signal('SIGTERM', 1001), allReaped(1002))).toBe(137);
  });
});

describe('signals for a kind of child', () => {
  test.each([
    ['SIGTTIN', ['SIGTTIN sidekiq']],
    ['SIGUSR1', ['SIGUSR1 puma']],
    ['SIGUSR2', ['SIGUSR2 puma']],
  ] as const)('%s', (name, effects) => {
    expect(replay(web, ready('puma', 1), ready('sidekiq', 2), signal(name, 3)).last).toEqual(effects);
  });

  test('not before a child is ready, when it would end it, unless it has had a minute', () => {
    expect(replay(web, signal('SIGUSR2', 59_999)).last).toEqual([]);
    expect(replay(web, readyTimeout('puma', 0, 60_000), signal('SIGUSR2', 60_001)).last).toEqual(['SIGUSR2 puma']);
  });

  test('nobody gets it who does not run', () => {
    expect(replay(web, signal('SIGTTIN', 2)).last).toEqual([]);
    expect(replay(worker, signal('SIGUSR1', 2)).last).toEqual([]);
  });

  test('while stopping a thread dump still helps, a restart does not', () => {
    const stopping = [ready('puma', 1), ready('sidekiq', 1), signal('SIGTERM', 2)];
    expect(replay(web, ...stopping, signal('SIGTTIN', 3)).last).toEqual(['SIGTTIN sidekiq']);
    expect(replay(web, ...stopping, signal('SIGUSR2', 3)).last).toEqual([]);
  });
});

describe('outcome', () => {
  test('why a dyno ended, in words', () => {
    const at = 3 * 3_600_000 + 12 * 60_000;
    const history = [
      ready('puma', 0),
      exited('sidekiq', 'SIGKILL', at),
      exited('puma', 'SIGTERM', at + 9),
      allReaped(at + 9),
    ];
    expect(end(web, ...history).reason).toBe(
      'sidekiq was killed by SIGKILL (out of memory?) 3 h 12 min after it started; stopped puma',
    );
  });

  test('asked to stop', () => {
    const clean = [signal('SIGTERM', 0), exited('puma', 'SIGTERM', 1), allReaped(2)];
    expect(end(web, ...clean)).toMatchObject({
      code: 0,
      reason: 'asked to stop by SIGTERM; everything ended by itself',
    });
    const killed = [signal('SIGTERM', 0), killDeadline(28_500), exited('puma', 'SIGKILL', 28_510), allReaped(28_511)];
    expect(end(web, ...killed)).toMatchObject({ code: 137, reason: 'asked to stop by SIGTERM; puma had to be killed' });
  });

  test('killed by anything else while stopping is killed as well: jobs may be lost', () => {
    const history = [
      ready('puma', 0),
      signal('SIGTERM', 1),
      exited('sidekiq', 'SIGKILL', 2),
      exited('puma', 0, 3),
      allReaped(4),
    ];
    expect(end(web, ...history)).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; sidekiq was killed by SIGKILL while stopping (out of memory?)',
    });
  });

  test('the cause stands in the outcome as fields', () => {
    const crash = [ready('puma', 1), exited('sidekiq', 3, 10), exited('puma', 0, 11), allReaped(12)];
    expect(end(web, ...crash)).toMatchObject({
      cause: 'child-exited',
      child: 'sidekiq',
      status: { code: 3 },
      afterMs: 9,
    });
    expect(end(web, signal('SIGTERM', 0), exited('puma', 0, 1), allReaped(2))).toMatchObject({
      cause: 'signal',
      signal: 'SIGTERM',
    });
  });

  test('a child that never started was not stopped', () => {
    const error = new Error('no more processes are allowed here');
    const plan = servePlan(child('puma'), child('sidekiq-1'), child('sidekiq-2'));
    const history = [exited('sidekiq-1', error, 1), exited('sidekiq-2', error, 1), exited('puma', 0, 2), allReaped(3)];
    expect(end(plan, ...history).reason).toBe(`sidekiq-1 could not start: ${error.message}; stopped puma`);
  });

  test('what escaped the children counts when it had to be killed, not when it ended', () => {
    const stopped = [signal('SIGTERM', 0), exited('puma', 0, 1)];
    expect(codeOf(web, ...stopped, allReaped(2, { ended: ['sleep (pid 9)'] }))).toBe(0);
    expect(end(web, ...stopped, allReaped(2, { killed: ['sleep (pid 9)'] }))).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; sleep (pid 9) had to be killed',
    });
  });

  test('what cannot be ended does not keep us', () => {
    const stuck = [signal('SIGTERM', 0), killDeadline(28_500), exitDeadline(29_700)];
    expect(end(web, ...stuck)).toMatchObject({ code: 137, reason: 'asked to stop by SIGTERM; puma had to be killed' });
    const escaped = [signal('SIGTERM', 0), exited('puma', 0, 1), exitDeadline(29_700)];
    expect(codeOf(web, ...escaped)).toBe(137);
  });

  test.each([
    [Object.assign(new Error('nope'), { code: 'ENOENT' }), 127],
    [Object.assign(new Error('nope'), { code: 'EACCES' }), 126],
    [Object.assign(new Error('nope'), { code: 'EAGAIN' }), 126],
  ])('a child that could not start: %o', (error, code) => {
    expect(end(worker, exited('sidekiq', error, 0), allReaped(1))).toMatchObject({
      code,
      reason: 'sidekiq could not start: nope',
    });
  });

  test('once done, done', () => {
    const over = [exited('sidekiq', 3, 0), allReaped(1)];
    const { state } = replay(worker, ...over);
    expect(replay(worker, ...over, signal('SIGTERM', 2), exited('sidekiq', 0, 3), killDeadline(4)).state).toEqual(
      state,
    );
  });
});
