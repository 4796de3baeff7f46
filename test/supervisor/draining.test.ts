import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/supervisor/state.ts';
import { child, onDemand, servePlan } from '../fakes/plan.ts';
import {
  allReaped,
  broadcastWindowClosed,
  demandStarted,
  drainTimeout,
  emergency,
  exitDeadline,
  exited,
  idle,
  killDeadline,
  outcomeOf,
  ready,
  readyTimeout,
  replay,
  signal,
} from './replay.ts';

/** SIGTERM to puma waits for the router, for 10 s at most. */
const plan = servePlan(child('puma', { drainMs: 10_000 }), child('sidekiq'), onDemand('streaming', 900_000));
const allReady = [ready('puma', 100), ready('sidekiq', 100), demandStarted('streaming', 200), ready('streaming', 300)];
const T = 1_000_000;
const stop = [...allReady, signal('SIGTERM', T)];
const TERM = ['SIGTERM puma'];

const last = (...events: Event[]): string[] => replay(plan, ...events).last;
const phase = (...events: Event[]): string => replay(plan, ...events).phase;
const isDraining = (...events: Event[]): boolean | undefined =>
  replay(plan, ...events).state.children.get('puma')?.isDraining;
const othersExit = (atMs: number): Event[] => ['sidekiq', 'streaming'].map((name) => exited(name, 0, atMs));

describe('a stop', () => {
  test('SIGTERM to the other children at once; the log event names every child', () => {
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

  test('one SIGTERM when no request is in flight', () => {
    const { effects } = replay(
      plan,
      ...stop,
      idle('puma', T + 500),
      idle('puma', T + 501),
      drainTimeout('puma', T + 9),
    );
    expect(effects.slice(-3)).toEqual([TERM, [], []]);
  });

  test('one SIGTERM at the drain timeout', () => {
    const { effects } = replay(plan, ...stop, drainTimeout('puma', T + 10_000), idle('puma', T + 10_001));
    expect(effects.slice(-2)).toEqual([TERM, []]);
  });

  test('puma drains while the stop is in its first step', () => {
    const { state } = replay(plan, ...stop);
    expect(state).toMatchObject({ phase: 'stopping', step: 'terminating' });
    expect(isDraining(...stop)).toBe(true);
  });

  test('idle and drain timeout of a child that does not drain are ignored', () => {
    for (const name of ['sidekiq', 'streaming', 'unknown']) {
      expect([last(...stop, idle(name, T + 1)), last(...stop, drainTimeout(name, T + 1))], name).toEqual([[], []]);
    }
  });

  test('the others exit meanwhile: the dyno is done when puma is', () => {
    expect(phase(...stop, ...othersExit(T + 50))).toBe('terminating');
    const allExited = [...stop, ...othersExit(T + 50), idle('puma', T + 500), exited('puma', 'SIGTERM', T + 600)];
    expect(last(...allExited)).toEqual([`reap all until ${T + 28_500}`]);
    expect(outcomeOf(plan, ...allExited, allReaped(T + 700))).toMatchObject({ code: 0 });
  });

  test('puma exits while it drains: no SIGTERM for it, and the stop completes', () => {
    const pumaExited = [...stop, exited('puma', 1, T + 500)];
    expect([last(...pumaExited, idle('puma', T + 600)), last(...pumaExited, drainTimeout('puma', T + 10_000))]).toEqual(
      [[], []],
    );
    expect(outcomeOf(plan, ...pumaExited, ...othersExit(T + 700), allReaped(T + 800))).toMatchObject({ code: 0 });
  });
});

describe('no drain', () => {
  const terms = (...events: Event[]): string[] => last(...events).filter((effect) => effect.startsWith('SIGTERM'));

  test('puma is starting; once assumed ready it drains', () => {
    expect(last(signal('SIGTERM', T))).not.toContain(`drain-timeout at ${T + 10_000}`);
    expect(terms(signal('SIGTERM', T))).toEqual(['SIGTERM puma', 'SIGTERM sidekiq']);
    expect(terms(readyTimeout('puma', 0, 60_000), signal('SIGTERM', T))).toEqual(['SIGTERM sidekiq']);
  });

  test('the dyno stops because puma exited', () => {
    expect(last(...allReady, exited('puma', 1, T))).not.toContain(`drain-timeout at ${T + 10_000}`);
    expect(phase(...allReady, exited('puma', 1, T), idle('puma', T + 1), ...othersExit(T + 2))).toBe('reaping');
  });

  test('the dyno stops for memory: puma finishes the requests that it has begun', () => {
    const pumaOnly = servePlan(child('puma', { drainMs: 10_000 }));
    const { last } = replay(pumaOnly, ready('puma', 1), emergency(null, T));
    expect(last).toEqual(['SIGTERM puma', `kill-deadline at ${T + 28_500}`, `exit-deadline at ${T + 29_700}`]);
  });

  test('idle and drain timeout are ignored while the dyno runs', () => {
    const { last, state } = replay(plan, ...allReady, idle('puma', T), drainTimeout('puma', T));
    expect([last, state.phase, state.children.get('puma')?.process.state]).toEqual([[], 'running', 'ready']);
  });
});

describe('while it drains', () => {
  test('after a crash of another child: the cause is kept, and puma still drains', () => {
    const crash = [...allReady, exited('sidekiq', 3, T)];
    expect(last(...crash)).toContain(`drain-timeout at ${T + 10_000}`);
    expect(last(...crash, idle('puma', T + 5))).toEqual(TERM);
    const ends = [exited('puma', 0, T + 6), exited('streaming', 0, T + 6)];
    expect(outcomeOf(plan, ...crash, idle('puma', T + 5), ...ends, allReaped(T + 7))).toMatchObject({ code: 3 });
  });

  test('one SIGINT changes nothing, a second kills', () => {
    expect(last(...stop, signal('SIGINT', T + 1))).toEqual([]);
    const killing = [...stop, signal('SIGINT', T + 1), signal('SIGINT', T + 2)];
    expect(last(...killing)).toEqual(['kill all']);
    expect([last(...killing, idle('puma', T + 3)), last(...killing, drainTimeout('puma', T + 3))]).toEqual([[], []]);
  });

  test('another SIGTERM or SIGHUP changes nothing, and the deadline does not move', () => {
    const again = [...stop, signal('SIGTERM', T + 1000), signal('SIGHUP', T + 1001)];
    expect(replay(plan, ...again).effects.slice(-2)).toEqual([[], []]);
    expect(replay(plan, ...again).state).toMatchObject({ deadlines: { killAtMs: T + 28_500 } });
    expect(isDraining(...again)).toBe(true);
  });

  test('the kill deadline and the exit deadline apply', () => {
    expect(last(...stop, killDeadline(T + 28_500))).toEqual(['kill all']);
    expect(phase(...stop, exitDeadline(T + 29_700))).toBe('done');
  });

  test('SIGTTIN (thread dump) goes to sidekiq, SIGUSR2 (restart) to no child', () => {
    expect(last(...stop, signal('SIGTTIN', T + 1))).toEqual(['SIGTTIN sidekiq']);
    expect(last(...stop, signal('SIGUSR2', T + 1))).toEqual([]);
  });

  test('SIGTERM inside the broadcast window: the exit was asked for, and puma drains', () => {
    const first = [...allReady, exited('sidekiq', 0, T), signal('SIGTERM', T + 100)];
    expect(replay(plan, ...first).state).toMatchObject({ cause: { kind: 'signal' } });
    expect(isDraining(...first)).toBe(true);
    expect(last(...first, idle('puma', T + 120))).toEqual(TERM);
    const ends = [exited('puma', 0, T + 130), exited('streaming', 0, T + 130)];
    expect(outcomeOf(plan, ...first, idle('puma', T + 120), ...ends, allReaped(T + 200))).toMatchObject({ code: 0 });
  });

  test('no SIGTERM inside the window: a crash, and puma still drains', () => {
    const crash = [
      ...allReady,
      exited('sidekiq', 0, T),
      broadcastWindowClosed(T + 1000),
      exited('streaming', 0, T + 1010),
    ];
    expect(phase(...crash)).toBe('terminating');
    expect(last(...crash, idle('puma', T + 1100))).toEqual(TERM);
  });

  test('idle and drain timeout are ignored while reaping', () => {
    const reaping = [...stop, ...othersExit(T + 1), exited('puma', 0, T + 2)];
    expect(phase(...reaping)).toBe('reaping');
    expect(last(...reaping, idle('puma', T + 3))).toEqual([]);
    expect(last(...reaping, drainTimeout('puma', T + 3))).toEqual([]);
  });
});
