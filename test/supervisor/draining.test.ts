import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/supervisor/state.ts';
import { child, onDemand, servePlan } from '../fakes/plan.ts';
import {
  allReaped,
  broadcastWindowClosed,
  demandStarted,
  drainTimeout,
  emergency,
  end,
  exitDeadline,
  exited,
  idle,
  killDeadline,
  ready,
  readyTimeout,
  replay,
  signal,
} from './replay.ts';

/** puma's TERM waits for the router, ten seconds at most. */
const plan = servePlan(child('puma', { drainMs: 10_000 }), child('sidekiq'), onDemand('streaming', 900_000));
const up = [ready('puma', 100), ready('sidekiq', 100), demandStarted('streaming', 200), ready('streaming', 300)];
const T = 1_000_000;
const stop = [...up, signal('SIGTERM', T)];
const TERM = ['SIGTERM puma'];

const last = (...events: Event[]): string[] => replay(plan, ...events).last;
const phase = (...events: Event[]): string => replay(plan, ...events).phase;
const isDraining = (...events: Event[]): boolean | undefined =>
  replay(plan, ...events).state.children.get('puma')?.isDraining;
const othersEnd = (atMs: number): Event[] => ['sidekiq', 'streaming'].map((name) => exited(name, 0, atMs));

describe('a stop', () => {
  test('TERM to all the others at once; what is told names everybody', () => {
    const { last, logged } = replay(plan, ...stop);
    expect(last).toEqual([
      'SIGTERM sidekiq',
      'SIGTERM streaming',
      `drain-timeout at ${T + 10_000}`,
      `kill-deadline at ${T + 28_500}`,
      `exit-deadline at ${T + 29_700}`,
    ]);
    expect(logged.at(-1)).toMatchObject({ event: 'stopping', children: ['puma', 'sidekiq', 'streaming'] });
  });

  test('TERM when no request is in flight any more, once', () => {
    const { did } = replay(plan, ...stop, idle('puma', T + 500), idle('puma', T + 501), drainTimeout('puma', T + 9));
    expect(did.slice(-3)).toEqual([TERM, [], []]);
  });

  test('TERM when it has had the time, once', () => {
    const { did } = replay(plan, ...stop, drainTimeout('puma', T + 10_000), idle('puma', T + 10_001));
    expect(did.slice(-2)).toEqual([TERM, []]);
  });

  test('a child that is stopped (SIGSTOP) hears its TERM', () => {
    const { state } = replay(plan, ...stop);
    expect(state).toMatchObject({ phase: 'stopping', step: 'terminating' });
    expect(isDraining(...stop)).toBe(true);
  });

  test.each(['sidekiq', 'streaming', 'nobody'])('drained for %s: nothing, it has had its TERM', (name) => {
    expect([last(...stop, idle(name, T + 1)), last(...stop, drainTimeout(name, T + 1))]).toEqual([[], []]);
  });

  test('the others end meanwhile: the dyno is over when puma is', () => {
    expect(phase(...stop, ...othersEnd(T + 50))).toBe('terminating');
    const over = [...stop, ...othersEnd(T + 50), idle('puma', T + 500), exited('puma', 'SIGTERM', T + 600)];
    expect(last(...over)).toEqual([`reap all until ${T + 28_500}`]);
    expect(end(plan, ...over, allReaped(T + 700))).toMatchObject({ code: 0 });
  });

  test('it ends while it drains: no TERM for it any more, and nothing is lost of the stop', () => {
    const ended = [...stop, exited('puma', 1, T + 500)];
    expect([last(...ended, idle('puma', T + 600)), last(...ended, drainTimeout('puma', T + 10_000))]).toEqual([[], []]);
    expect(end(plan, ...ended, ...othersEnd(T + 700), allReaped(T + 800))).toMatchObject({ code: 0 });
  });
});

describe('nothing to wait for', () => {
  const terms = (...events: Event[]): string[] => last(...events).filter((did) => did.startsWith('SIGTERM'));

  test('puma is not up yet, or counts as up without having been seen', () => {
    expect(last(signal('SIGTERM', T))).not.toContain(`drain-timeout at ${T + 10_000}`);
    expect(terms(signal('SIGTERM', T))).toEqual(['SIGTERM puma', 'SIGTERM sidekiq']);
    expect(terms(readyTimeout('puma', 0, 60_000), signal('SIGTERM', T))).toEqual(['SIGTERM sidekiq']);
  });

  test('the dyno stops because it ended', () => {
    expect(last(...up, exited('puma', 1, T))).not.toContain(`drain-timeout at ${T + 10_000}`);
    expect(phase(...up, exited('puma', 1, T), idle('puma', T + 1), ...othersEnd(T + 2))).toBe('reaping');
  });

  test('memory is short: puma finishes the requests that it has begun', () => {
    const noSpare = servePlan(child('puma', { drainMs: 10_000 }));
    const { last } = replay(noSpare, ready('puma', 1), emergency(null, T));
    expect(last).toEqual(['SIGTERM puma', `kill-deadline at ${T + 28_500}`, `exit-deadline at ${T + 29_700}`]);
  });

  test('drained while the dyno runs', () => {
    const { last, state } = replay(plan, ...up, idle('puma', T), drainTimeout('puma', T));
    expect([last, state.phase, state.children.get('puma')?.process.state]).toEqual([[], 'running', 'ready']);
  });
});

describe('while it drains', () => {
  test('another crash, or one before: the cause is kept, and it still drains', () => {
    const crash = [...up, exited('sidekiq', 3, T)];
    expect(last(...crash)).toContain(`drain-timeout at ${T + 10_000}`);
    expect(last(...crash, idle('puma', T + 5))).toEqual(TERM);
    const ends = [exited('puma', 0, T + 6), exited('streaming', 0, T + 6)];
    expect(end(plan, ...crash, idle('puma', T + 5), ...ends, allReaped(T + 7))).toMatchObject({ code: 3 });
  });

  test('INT once changes nothing; twice kills', () => {
    expect(last(...stop, signal('SIGINT', T + 1))).toEqual([]);
    const killing = [...stop, signal('SIGINT', T + 1), signal('SIGINT', T + 2)];
    expect(last(...killing)).toEqual(['kill all']);
    expect([last(...killing, idle('puma', T + 3)), last(...killing, drainTimeout('puma', T + 3))]).toEqual([[], []]);
  });

  test('TERM and HUP again: nothing, the budget does not move', () => {
    const again = [...stop, signal('SIGTERM', T + 1000), signal('SIGHUP', T + 1001)];
    expect(replay(plan, ...again).did.slice(-2)).toEqual([[], []]);
    expect(replay(plan, ...again).state).toMatchObject({ deadlines: { killAtMs: T + 28_500 } });
    expect(isDraining(...again)).toBe(true);
  });

  test('the grace or the budget is over', () => {
    expect(last(...stop, killDeadline(T + 28_500))).toEqual(['kill all']);
    expect(phase(...stop, exitDeadline(T + 29_700))).toBe('done');
  });

  test('a thread dump is for sidekiq, and a restart of puma is for nobody', () => {
    expect(last(...stop, signal('SIGTTIN', T + 1))).toEqual(['SIGTTIN sidekiq']);
    expect(last(...stop, signal('SIGUSR2', T + 1))).toEqual([]);
  });

  test('our own TERM follows an end that may have been asked for: it was', () => {
    const first = [...up, exited('sidekiq', 0, T), signal('SIGTERM', T + 100)];
    expect(replay(plan, ...first).state).toMatchObject({ cause: { kind: 'signal' } });
    expect(isDraining(...first)).toBe(true);
    expect(last(...first, idle('puma', T + 120))).toEqual(TERM);
    const ends = [exited('puma', 0, T + 130), exited('streaming', 0, T + 130)];
    expect(end(plan, ...first, idle('puma', T + 120), ...ends, allReaped(T + 200))).toMatchObject({ code: 0 });
  });

  test('it did not follow: a crash, and puma is still waited for', () => {
    const crash = [...up, exited('sidekiq', 0, T), broadcastWindowClosed(T + 1000), exited('streaming', 0, T + 1010)];
    expect(phase(...crash)).toBe('terminating');
    expect(last(...crash, idle('puma', T + 1100))).toEqual(TERM);
  });

  test('drained and drain-timeout while what escaped is looked for: nothing', () => {
    const sweeping = [...stop, ...othersEnd(T + 1), exited('puma', 0, T + 2)];
    expect(phase(...sweeping)).toBe('reaping');
    expect(last(...sweeping, idle('puma', T + 3))).toEqual([]);
    expect(last(...sweeping, drainTimeout('puma', T + 3))).toEqual([]);
  });
});
