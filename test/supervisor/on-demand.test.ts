import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/supervisor/state.ts';
import { onDemand, servePlan, child } from '../fakes/plan.ts';
import {
  allReaped,
  backoffExpired,
  broadcastWindowClosed,
  demandEnded,
  demandStarted,
  drainTimeout,
  emergency,
  end,
  exited,
  idle,
  idleTimeout,
  pressure,
  readinessUnknown,
  ready,
  readyTimeout,
  reaped,
  replay,
  restart,
  signal,
  stopTimeout,
} from './replay.ts';

const IDLE_MS = 900_000;
const plan = servePlan(child('puma'), child('sidekiq'), onDemand('streaming', IDLE_MS));
const T = 1_000_000;
const S = 'streaming';
const pauseOver = (atMs: number): Event => backoffExpired(S, atMs);

const others = [ready('puma', 100), ready('sidekiq', 100)];
const starting = [demandStarted(S, T)];
const up = [...starting, ready(S, T + 1000)];
/** Nobody has wanted it for the whole time. */
const resting = [...up, demandEnded(S, T + 2000), idleTimeout(S, T, T + 2000 + IDLE_MS)];
const R = T + 2000 + IDLE_MS;
const clearing = [...resting, exited(S, 0, R + 10)];
const fallen = [...up, exited(S, 0, T + 5000)];
const pausing = [...fallen, reaped(S, T + 5010), demandStarted(S, T + 5020)];

/** It may start, and whoever waits wants it again. */
const AVAILABLE = ['startable'];
const start = (atMs: number): string[] => [`spawn ${S}`, `idle-timeout at ${atMs + IDLE_MS}`];
const clear = (atMs: number): string => `reap ${S} until ${atMs + 5000}`;

/** What each event after the others are up led to, and what was told of streaming then. */
function after(...events: Event[]): string[][] {
  return replay(plan, ...others, ...events).did.slice(1 + others.length);
}
/** What was told at the last event. */
function lastTold(...events: Event[]): string[] {
  return told(...events).slice(told(...events.slice(0, -1)).length);
}
function told(...events: Event[]): string[] {
  return replay(plan, ...others, ...events)
    .logged.filter((fact) => 'child' in fact && fact.child === S)
    .map(({ event }) => event);
}
function is(...events: Event[]): string | undefined {
  return replay(plan, ...others, ...events).state.children.get(S)?.process.state;
}
function phase(...events: Event[]): string {
  return replay(plan, ...others, ...events).phase;
}
/** It ends, and so does what outlived it. */
const gone = (status: number | NodeJS.Signals | Error, atMs: number): Event[] => [
  exited(S, status, atMs),
  reaped(S, atMs),
];

describe('a life', () => {
  test('nothing is started for it, and nobody waits', () => {
    expect(replay(plan).did).toEqual([['spawn puma', 'spawn sidekiq']]);
    expect(is()).toBe('stopped');
  });

  test('wanted, ready, demandEnded, put to rest, down, wanted again', () => {
    const events = [...resting, ...gone(0, R + 10), demandStarted(S, R + 5000)];
    expect(after(...events)).toEqual([
      start(T),
      [],
      [],
      [`SIGTERM ${S}`, `stop-timeout at ${R + 5000}`],
      [clear(R + 10)],
      [],
      start(R + 5000),
    ]);
    expect(told(...events)).toEqual(['ready', 'idle-stopped', 'exited']);
    expect(replay(plan, ...events).logged.find(({ event }) => event === 'idle-stopped')).toEqual({
      event: 'idle-stopped',
      child: S,
      idleMs: IDLE_MS,
    });
  });

  test('wanted many times: started once', () => {
    expect(after(...starting, ...starting, ready(S, T + 1000), ...starting).slice(1)).toEqual([[], [], []]);
  });
});

describe('the idle clock', () => {
  test('runs from when the last connection was closed, however often somebody came and went', () => {
    const busy = [
      ...up,
      demandEnded(S, T + 2000),
      demandStarted(S, T + 3000),
      demandEnded(S, T + 500_000),
      demandEnded(S, T + 600_000),
    ];
    const early = [...busy, idleTimeout(S, T, T + IDLE_MS)];
    expect(after(...early).at(-1)).toEqual([`idle-timeout at ${T + 500_000 + IDLE_MS}`]);
    expect(is(...early, idleTimeout(S, T, T + 500_000 + IDLE_MS))).toBe('stopping');
  });

  test('stands while it is wanted: one timer, set anew', () => {
    expect(after(...up, idleTimeout(S, T, T + IDLE_MS)).at(-1)).toEqual([`idle-timeout at ${T + 2 * IDLE_MS}`]);
  });

  test('runs from when nobody wanted it any more, should that be before it is ready', () => {
    const gaveUp = [...starting, demandEnded(S, T + 500), ready(S, T + 1000)];
    expect(after(...gaveUp, idleTimeout(S, T, T + IDLE_MS)).at(-1)).toEqual([`idle-timeout at ${T + 500 + IDLE_MS}`]);
    expect(is(...gaveUp, idleTimeout(S, T, T + 500 + IDLE_MS))).toBe('stopping');
  });

  test('ends one that is not ready yet as well, and that is no failure', () => {
    const gaveUp = [
      ...starting,
      demandEnded(S, T),
      idleTimeout(S, T, T + IDLE_MS),
      ...gone('SIGTERM', T + IDLE_MS + 9),
    ];
    expect(told(...gaveUp)).toEqual(['idle-stopped', 'exited']);
    expect(is(...gaveUp)).toBe('stopped');
  });

  test('a timer of an earlier incarnation means nothing', () => {
    const again = [...clearing, reaped(S, R + 20), demandStarted(S, R + 30), demandEnded(S, R + 40)];
    expect(after(...again, idleTimeout(S, T, R + 30 + IDLE_MS)).at(-1)).toEqual([]);
  });
});

describe('put to rest', () => {
  test('it does not follow TERM: KILL for its tree, said as ours', () => {
    const killed = [...resting, stopTimeout(S, T, R + 5000), ...gone('SIGKILL', R + 5100)];
    expect(after(...killed).slice(-3)).toEqual([[`kill ${S}`], [clear(R + 5100)], []]);
    expect(replay(plan, ...killed).logged.at(-1)).toMatchObject({ event: 'exited', killedByUs: true });
  });

  test('5 s until KILL, or as long as a stop gives it', () => {
    const until = (killAfterMs: number): string | undefined =>
      replay({ ...plan, stop: { ...plan.stop, killAfterMs } }, ...others, ...resting).last[1];
    expect([5001, 5000, 4000].map(until)).toEqual([5000, 5000, 4000].map((ms) => `stop-timeout at ${R + ms}`));
  });

  test('with any status it is down: that was asked for', () => {
    for (const status of [0, 1, 'SIGTERM', 'SIGKILL', 'SIGSEGV'] as const)
      expect([is(...resting, ...gone(status, R + 1)), phase(...resting, ...gone(status, R + 1))]).toEqual([
        'stopped',
        'running',
      ]);
  });

  test.each([
    ['had its TERM', resting],
    ['had its KILL', [...resting, stopTimeout(S, T, R + 5000)]],
  ])('one that %s is wanted again: it ends, and is asked for anew', (_, events) => {
    const again = [...events, demandStarted(S, R + 5000), ...gone(0, R + 5010)];
    expect(after(...again).slice(-3)).toEqual([[], [clear(R + 5010)], []]);
    expect(lastTold(...again)).toEqual(AVAILABLE);
    expect(after(...again, demandStarted(S, R + 5011)).at(-1)).toEqual(start(R + 5011));
  });

  test('one whose rest is being cleared is wanted again: it is asked for anew after that', () => {
    const again = [...clearing, demandStarted(S, R + 20), reaped(S, R + 30)];
    expect([after(...again).at(-1), lastTold(...again)]).toEqual([[], AVAILABLE]);
    expect(after(...again, demandStarted(S, R + 31)).at(-1)).toEqual(start(R + 31));
  });

  test('wanted again and given up: it stays down', () => {
    const gaveUp = [...resting, demandStarted(S, R + 1), demandEnded(S, R + 2), ...gone(0, R + 3)];
    expect([is(...gaveUp), told(...gaveUp).includes('startable')]).toEqual(['stopped', false]);
  });
});

describe('no memory for it', () => {
  const short = (atMs: number): Event[] => [pressure(atMs), demandStarted(S, atMs)];

  test.each([
    ['down', []],
    ['ending', resting],
    ['ending, and wanted', [...resting, demandStarted(S, R + 1)]],
    ['clearing', clearing],
    ['pausing', pausing],
  ])('%s: it is not started, and who waits for it is told', (_, events) => {
    const at = R + 100_000;
    const all = [...events, ...short(at)];
    expect(told(...all, ...gone(0, at + 1), pauseOver(at + 2))).not.toContain('startable');
    expect(replay(plan, ...all).logged.at(-1)).toEqual({
      event: 'start-denied',
      child: S,
      reason: 'memory at 160 % of 512 MB',
    });
    expect(after(...all, ...gone(0, at + 1), pauseOver(at + 2)).flat()).not.toContain(start(at + 1)[1]);
    expect(is(...all, ...gone(0, at + 1), pauseOver(at + 2))).toBe('stopped');
  });

  test.each([
    ['its pause', [...pausing, pauseOver(T + 6000)]],
    ['its clearing', [...clearing, demandStarted(S, R + 20), reaped(S, R + 30)]],
  ])('there was when somebody asked, and none is left after %s: it is not started', (_, events) => {
    expect(lastTold(...events)).toEqual(AVAILABLE);
    expect(is(...events, ...short(R + 31), pauseOver(R + 32), reaped(S, R + 33))).toBe('stopped');
    expect(lastTold(...events, ...short(R + 31))).toEqual(['start-denied']);
  });

  test.each([
    ['starting', starting],
    ['ready', up],
  ])('%s: it holds its memory already', (name, events) => {
    expect(is(...events, ...short(T + 5000))).toBe(name);
    expect(told(...events, ...short(T + 5000))).not.toContain('start-denied');
    expect(after(...events, ...short(T + 5000), idleTimeout(S, T, T + IDLE_MS)).at(-1)).toEqual([
      `idle-timeout at ${T + 2 * IDLE_MS}`,
    ]);
  });
});

describe('an end that nobody asked for', () => {
  test.each([0, 1, 143, 'SIGTERM', 'SIGKILL', 'SIGSEGV'] as const)('%s: no crash; it starts when wanted', (status) => {
    const events = [...up, ...gone(status, T + 5000), demandStarted(S, T + 7000)];
    expect(after(...events).slice(2)).toEqual([
      [clear(T + 5000), `backoff-expired at ${T + 6000}`],
      [],
      start(T + 7000),
    ]);
    expect(told(...events)).toEqual(['ready', 'exited', 'backing-off']);
  });

  test('nobody wants it any more until somebody asks again', () => {
    const quiet = [...fallen, reaped(S, T + 5010), pauseOver(T + 6000)];
    expect([is(...quiet), told(...quiet).includes('startable')]).toEqual(['stopped', false]);
  });

  test('wanted in the pause: when that is over it is asked for anew, once, and starts then', () => {
    expect([after(...pausing).at(-1), lastTold(...pausing)]).toEqual([[], []]);
    const over = [...pausing, demandStarted(S, T + 5990), pauseOver(T + 6000)];
    expect([after(...over).at(-1), lastTold(...over)]).toEqual([[], AVAILABLE]);
    expect(replay(plan, ...others, ...over).logged.at(-1)).toEqual({ event: 'startable', child: S });
    expect(replay(plan, ...others, ...over).state.children.get(S)?.demand?.idleSinceMs).toBe(T + 6000);
    expect(lastTold(...over, pauseOver(T + 6000))).toEqual([]);
    expect(after(...over, demandStarted(S, T + 6000)).at(-1)).toEqual(start(T + 6000));
    expect(after(...over, demandStarted(S, T + 6000), pauseOver(T + 6000)).at(-1)).toEqual([]);
  });

  test('wanted while what outlived it still ends: after that, and after the pause', () => {
    const long = [...fallen, demandStarted(S, T + 5001), pauseOver(T + 6000), reaped(S, T + 9000)];
    expect(after(...long).slice(-3)).toEqual([[], [], []]);
    expect([lastTold(...long.slice(0, -1)), lastTold(...long)]).toEqual([[], AVAILABLE]);
    const short = [...fallen, demandStarted(S, T + 5001), reaped(S, T + 5500), pauseOver(T + 6000)];
    expect(after(...short).slice(-2)).toEqual([[], []]);
    expect([lastTold(...short.slice(0, -1)), lastTold(...short)]).toEqual([[], AVAILABLE]);
  });

  test('given up in the pause: it is not started', () => {
    const gaveUp = [...pausing, demandEnded(S, T + 5030), pauseOver(T + 6000)];
    expect([is(...gaveUp), lastTold(...gaveUp)]).toEqual(['stopped', []]);
  });

  /** It is demandStarted, becomes ready, lives so long and falls; so often. */
  function falls(count: number, lifeMs: number): Event[] {
    return Array.from({ length: count }, (_, index) => {
      const at = T + index * 200_000;
      return [demandStarted(S, at), ready(S, at + 1), ...gone(0, at + lifeMs)];
    }).flat();
  }
  const pauses = (...events: Event[]): number[] =>
    replay(plan, ...others, ...events).logged.flatMap((fact) => (fact.event === 'backing-off' ? [fact.pauseMs] : []));

  test('pauses grow from fall to fall, up to a minute', () => {
    expect(pauses(...falls(8, 59_999)).map((ms) => ms / 1000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(pauses(...falls(2000, 10)).at(-1)).toBe(60_000);
  });

  test('whoever lived for a minute, or was put to rest, falls as if for the first time', () => {
    expect(pauses(...falls(3, 60_000))).toEqual([1000, 1000, 1000]);
    const L = T + 600_000;
    const rested = [demandStarted(S, L), demandEnded(S, L), idleTimeout(S, L, L + IDLE_MS), ...gone(0, L + IDLE_MS)];
    const again = [demandStarted(S, L + IDLE_MS), ready(S, L + IDLE_MS), ...gone(0, L + IDLE_MS + 9)];
    expect(pauses(...falls(3, 10), ...rested, ...again)).toEqual([1000, 2000, 4000, 1000]);
  });

  test('a timer of an earlier pause does not end a later one', () => {
    const twice = [...falls(2, 10), demandStarted(S, T + 200_020)];
    expect([is(...twice, pauseOver(T + 1010)), lastTold(...twice, pauseOver(T + 1010))]).toEqual(['stopped', []]);
  });
});

describe('it does not become ready', () => {
  const missing = Object.assign(new Error('command not found'), { code: 'ENOENT' });
  const try1 = [demandStarted(S, T), ...gone(1, T + 10)];
  const try2 = [demandStarted(S, T + 10_000), ...gone(1, T + 10_010)];
  const try3 = (status: number | NodeJS.Signals | Error): Event[] => [
    demandStarted(S, T + 20_000),
    exited(S, status, T + 20_010),
  ];
  const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 21_000));

  test.each([
    [3, 3, 'streaming exited with code 3'],
    [0, 1, 'streaming exited with code 0'],
    ['SIGSEGV', 139, 'streaming was killed by SIGSEGV'],
  ] as const)('three times in a row (%s): a crash of the dyno', (status, code, said) => {
    const events = [...try1, ...try2, ...try3(status)];
    expect(phase(...try1, ...try2)).toBe('running');
    expect(
      after(...events)
        .at(-1)
        ?.slice(0, 2),
    ).toEqual(['SIGTERM puma', 'SIGTERM sidekiq']);
    const over = broadcastWindowClosed(T + 21_010);
    expect(end(plan, ...others, ...events, ...ends, over, allReaped(T + 22_000))).toMatchObject({
      code,
      cause: 'child-exited',
      reason: `${said} 10 ms after it started, the third time in a row that it did not become ready; stopped puma and sidekiq`,
    });
  });

  test('a command that is not there', () => {
    const events = [...try1, ...try2, ...try3(missing)];
    expect(end(plan, ...others, ...events, ...ends, allReaped(T + 22_000))).toMatchObject({
      code: 127,
      reason:
        'streaming could not start: command not found, the third time in a row that it did not become ready; stopped puma and sidekiq',
    });
  });

  test('ready once in between: counted anew', () => {
    const well = [demandStarted(S, T + 15_000), ready(S, T + 15_500), ...gone(1, T + 15_600)];
    expect(phase(...try1, ...try2, ...well, ...try3(1))).toBe('running');
    const before = [...try1, ...try2].map((event) => ({ ...event, atMs: event.atMs - 100_000 }));
    const rested = [...before, ...resting, ...gone(0, R + 10)];
    expect(phase(...rested, demandStarted(S, R + 20), ...gone(1, R + 30))).toBe('running');
  });

  test('not ready within a minute: TERM, and a failure; the third ends the dyno', () => {
    const late = (atMs: number): Event[] => [demandStarted(S, atMs), readyTimeout(S, atMs, atMs + 60_000)];
    const first = [...late(T), ...gone(0, T + 60_010)];
    expect(after(...first).slice(1)).toEqual([
      [`SIGTERM ${S}`, `stop-timeout at ${T + 65_000}`, `backoff-expired at ${T + 61_000}`],
      [clear(T + 60_010)],
      [],
    ]);
    expect(told(...first)).toEqual(['backing-off', 'exited']);
    const L = T + 200_000;
    const third = [...first, ...try2.map((event) => ({ ...event, atMs: event.atMs + 100_000 })), ...late(L)];
    expect(
      after(...third)
        .at(-1)
        ?.slice(0, 3),
    ).toEqual(['SIGTERM puma', 'SIGTERM sidekiq', `SIGTERM ${S}`]);
    const all = ['puma', 'sidekiq', S].map((name) => exited(name, 0, L + 60_500));
    expect(end(plan, ...others, ...third, ...all, allReaped(L + 60_600))).toMatchObject({
      code: 1,
      cause: 'not-ready',
      child: S,
      reason: 'streaming was not ready after 1 min, the third time in a row that it did not become ready',
    });
  });

  test('whoever waits when it had its TERM asks again, and anew when it has ended', () => {
    const late = [
      demandStarted(S, T),
      readyTimeout(S, T, T + 60_000),
      demandStarted(S, T + 60_005),
      ...gone(0, T + 65_000),
    ];
    expect([after(...late).at(-1), lastTold(...late)]).toEqual([[], AVAILABLE]);
  });

  test('ready after its TERM: nothing, it ends', () => {
    expect(is(...starting, readyTimeout(S, T, T + 60_000), ready(S, T + 60_001))).toBe('stopping');
  });

  test('a minute that is over after it was ready, or of an earlier incarnation: nothing', () => {
    expect(is(...up, readyTimeout(S, T, T + 60_000))).toBe('ready');
    expect(is(...pausing, demandStarted(S, T + 6000), readyTimeout(S, T, T + 60_000))).toBe('starting');
  });

  test('nobody could see that it is ready: it counts as up', () => {
    const unknown = readinessUnknown(S, T);
    expect(is(...starting, unknown)).toBe('ready');
    expect(told(...starting, unknown, readyTimeout(S, T, T + 60_000))).toEqual(['assumed-ready']);
  });
});

describe('every child that runs at once', () => {
  const inline = servePlan(child('puma'), child(S));

  test('wanted, unwanted and drained mean nothing to it', () => {
    const events = [demandStarted(S, T), pressure(T), demandStarted(S, T), demandEnded(S, T), idle(S, T)];
    const { did, logged } = replay(inline, ready(S, 1), ...events, idleTimeout(S, 0, T + IDLE_MS), pauseOver(T));
    expect(did.slice(2).flat()).toEqual([]);
    expect(logged.map(({ event }) => event)).toEqual(['ready']);
  });

  test('any unasked end is a crash', () => {
    expect(replay(inline, ready(S, 1), exited(S, 0, T)).phase).toBe('terminating');
  });
});

describe('a stop', () => {
  const states: [string, Event[], string[]][] = [
    ['down', [], []],
    ['starting', starting, [S]],
    ['up', up, [S]],
    ['ending', resting, [S]],
    ['clearing', clearing, []],
    ['fallen', fallen, []],
    ['pausing', pausing, []],
  ];

  test.each(states)('%s: TERM to all that live', (_, events, living) => {
    const last = after(...events, signal('SIGTERM', R + 1000)).at(-1) ?? [];
    expect(last.filter((did) => did.startsWith('SIGTERM'))).toEqual(
      ['puma', 'sidekiq', ...living].map((name) => `SIGTERM ${name}`),
    );
  });

  test.each(states)('%s: nothing is started any more, whatever comes', (_, events) => {
    const at = R + 2000;
    const ask = [
      demandStarted(S, at),
      pressure(at),
      demandStarted(S, at),
      demandEnded(S, at),
      pauseOver(at),
      reaped(S, at),
    ];
    const timers = [
      idleTimeout(S, T, at),
      readyTimeout(S, T, at),
      stopTimeout(S, T, at),
      idle(S, at),
      drainTimeout(S, at),
    ];
    const stop = [...events, signal('SIGTERM', R + 1000)];
    expect(after(...stop, ...ask, ...timers, demandStarted(S, at)).slice(stop.length)).toEqual(Array(12).fill([]));
    expect(told(...stop, ...ask, ...timers)).toEqual(told(...stop));
  });

  test.each(states)('%s: over once all that live have ended, with 0', (_, events, living) => {
    const ends = ['puma', 'sidekiq', ...living].map((name) => exited(name, 0, R + 2000));
    const all = [...others, ...events, signal('SIGTERM', R + 1000), ...ends, allReaped(R + 2001)];
    expect(end(plan, ...all)).toMatchObject({ code: 0 });
  });

  test('it had to be killed just before: said as ours', () => {
    const killed = [...resting, stopTimeout(S, T, R + 5000), signal('SIGTERM', R + 5001)];
    const ends = [exited(S, 'SIGKILL', R + 5010), ...['puma', 'sidekiq'].map((name) => exited(name, 0, R + 5100))];
    expect(end(plan, ...others, ...killed, ...ends, allReaped(R + 5200))).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; streaming had to be killed',
    });
  });
});

describe('broadcast: the platform TERMs every process', () => {
  test.each([0, 143, 'SIGTERM'] as const)('streaming ends with %s before we hear of it: asked to stop', (status) => {
    const events = [...up, exited(S, status, T + 5000), signal('SIGTERM', T + 5001), reaped(S, T + 5002)];
    const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 6000));
    expect(end(plan, ...others, ...events, ...ends, allReaped(T + 6001))).toMatchObject({
      code: 0,
      reason: 'asked to stop by SIGTERM; everything ended by itself',
    });
  });

  test('of the third in a row that was not ready as well', () => {
    const tries = [0, 10_000].flatMap((ms) => [demandStarted(S, T + ms), ...gone(1, T + ms + 10)]);
    const third = [demandStarted(S, T + 20_000), exited(S, 'SIGTERM', T + 20_010), signal('SIGTERM', T + 20_020)];
    const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 21_000));
    expect(end(plan, ...others, ...tries, ...third, ...ends, allReaped(T + 21_001))).toMatchObject({ code: 0 });
  });
});

describe('a crash of another child', () => {
  test.each([
    ['up', up, true],
    ['ending', resting, true],
    ['down', [], false],
  ] as const)('%s: the dyno stops as ever', (_, events, lives) => {
    const last = after(...events, exited('puma', 1, R + 5)).at(-1) ?? [];
    expect([last.includes('SIGTERM sidekiq'), last.includes(`SIGTERM ${S}`)]).toEqual([true, lives]);
  });
});

describe('saving the dyno', () => {
  const fresh = servePlan(child('puma'), onDemand(S, IDLE_MS));

  test.each([
    ['starting', starting],
    ['up', up],
  ])('%s, and nobody to restart: it is put to rest before the dyno is stopped', (_, events) => {
    const { last, logged, state } = replay(fresh, ready('puma', 1), ...events, emergency(null, T + 5000));
    expect(last).toEqual([`SIGTERM ${S}`, `stop-timeout at ${T + 10_000}`, `backoff-expired at ${T + 6000}`]);
    expect(logged.at(-1)).toEqual({ event: 'stopped-for-memory', child: S, reason: 'memory at 190 % of 512 MB' });
    expect(state.phase).toBe('running');
  });

  test('a sidekiq that can be restarted goes first; one that was just recycled does not', () => {
    expect(after(...up, emergency('sidekiq', T + 5000)).at(-1)?.[0]).toBe('SIGTERM sidekiq');
    const back = [
      emergency('sidekiq', T + 5000),
      exited('sidekiq', 0, T + 5010),
      reaped('sidekiq', T + 5020),
      ready('sidekiq', T + 6000),
    ];
    expect(after(...up, ...back, emergency('sidekiq', T + 7000)).at(-1)?.[0]).toBe(`SIGTERM ${S}`);
    expect(after(...up, ...back.slice(0, 3), emergency('sidekiq', T + 5500)).at(-1)?.[0]).toBe(`SIGTERM ${S}`);
  });

  test('while it ends the dyno is not stopped; at the last moment it is killed; then the dyno stops', () => {
    const saved = [...up, emergency(null, T + 5000)];
    expect(after(...saved, emergency(null, T + 5200)).at(-1)).toEqual([]);
    expect(after(...saved, emergency(null, T + 5200, true)).at(-1)).toEqual([`kill ${S}`]);
    expect(after(...saved, exited(S, 0, T + 5010), emergency(null, T + 5020, true)).at(-1)).toEqual([`kill ${S}`]);
    expect(phase(...saved, ...gone(0, T + 5010), emergency(null, T + 5300))).toBe('terminating');
  });

  test('nobody wants it any more, and its pauses grow, so that it is not started and ended in turn', () => {
    const saved = [...up, emergency(null, T + 5000), ...gone(0, T + 5010)];
    expect(is(...saved)).toBe('stopped');
    expect(is(...saved, demandStarted(S, T + 5500))).toBe('stopped');
    const again = [...saved, demandStarted(S, T + 6000), emergency(null, T + 7000)];
    expect(after(...again).at(-1)).toContain(`backoff-expired at ${T + 9000}`);
  });

  test('put to rest before it was ready: no failure', () => {
    const once = (atMs: number): Event[] => [demandStarted(S, atMs), emergency(null, atMs + 1), ...gone(0, atMs + 2)];
    const events = [T, T + 100_000, T + 200_000, T + 300_000].flatMap(once);
    expect(phase(...events)).toBe('running');
  });

  test('a rest is no recycle: sidekiq can be recycled meanwhile', () => {
    expect(after(...resting, restart('sidekiq', R + 1)).at(-1)?.[0]).toBe('SIGTSTP sidekiq');
  });

  test('it cannot be recycled itself', () => {
    expect(after(...up, restart(S, T + 5000)).at(-1)).toEqual([]);
    expect(is(...up, restart(S, T + 5000))).toBe('ready');
  });
});

test('signals are handed on to one that is up', () => {
  const hearing = servePlan(child('puma'), onDemand(S, IDLE_MS, { forwardedSignals: ['SIGUSR2'] }));
  const usr2 = signal('SIGUSR2', T + 2000);
  expect(replay(hearing, ...up, usr2).last).toEqual([`SIGUSR2 ${S}`]);
  for (const events of [[], starting, resting, clearing, pausing])
    expect(replay(hearing, ...events, { ...usr2, atMs: R + 100 }).last).toEqual([]);
});
