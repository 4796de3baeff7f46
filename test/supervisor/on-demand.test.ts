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
  exited,
  idle,
  idleTimeout,
  outcomeOf,
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
/** When streaming is first requested. */
const T = 1_000_000;
const S = 'streaming';
const backoffOver = (atMs: number): Event => backoffExpired(S, atMs);

const othersReady = [ready('puma', 100), ready('sidekiq', 100)];
const starting = [demandStarted(S, T)];
const running = [...starting, ready(S, T + 1000)];
/** No connection for the whole idle time: it was sent SIGTERM, at R. */
const idleStopped = [...running, demandEnded(S, T + 2000), idleTimeout(S, T, T + 2000 + IDLE_MS)];
const R = T + 2000 + IDLE_MS;
const cleaningUp = [...idleStopped, exited(S, 0, R + 10)];
const crashed = [...running, exited(S, 0, T + 5000)];
const backingOff = [...crashed, reaped(S, T + 5010), demandStarted(S, T + 5020)];

/** It may start: the router requests it again for the requests that wait. */
const STARTABLE = ['startable'];
const startEffects = (atMs: number): string[] => [`spawn ${S}`, `idle-timeout at ${atMs + IDLE_MS}`];
const reapEffect = (atMs: number): string => `reap ${S} until ${atMs + 5000}`;

/** The effects of each event after the other children are ready. */
function effectsAfter(...events: Event[]): string[][] {
  return replay(plan, ...othersReady, ...events).effects.slice(1 + othersReady.length);
}
/** The log events about streaming that the last event led to. */
function lastLogged(...events: Event[]): string[] {
  return loggedOf(...events).slice(loggedOf(...events.slice(0, -1)).length);
}
function loggedOf(...events: Event[]): string[] {
  return replay(plan, ...othersReady, ...events)
    .logged.filter((event) => 'child' in event && event.child === S)
    .map(({ event }) => event);
}
function stateOf(...events: Event[]): string | undefined {
  return replay(plan, ...othersReady, ...events).state.children.get(S)?.process.state;
}
function phaseAfter(...events: Event[]): string {
  return replay(plan, ...othersReady, ...events).phase;
}
/** It exits, and its leftovers are gone at the same time. */
const exitedAndReaped = (status: number | NodeJS.Signals | Error, atMs: number): Event[] => [
  exited(S, status, atMs),
  reaped(S, atMs),
];

describe('start and stop', () => {
  test('it is not started with the dyno, and no child waits for it', () => {
    expect(replay(plan).effects).toEqual([['spawn puma', 'spawn sidekiq']]);
    expect(stateOf()).toBe('stopped');
  });

  test('requested, ready, idle, stopped, requested again', () => {
    const events = [...idleStopped, ...exitedAndReaped(0, R + 10), demandStarted(S, R + 5000)];
    expect(effectsAfter(...events)).toEqual([
      startEffects(T),
      [],
      [],
      [`SIGTERM ${S}`, `stop-timeout at ${R + 5000}`],
      [reapEffect(R + 10)],
      [],
      startEffects(R + 5000),
    ]);
    expect(loggedOf(...events)).toEqual(['ready', 'idle-stopped', 'exited']);
    expect(replay(plan, ...events).logged.find(({ event }) => event === 'idle-stopped')).toEqual({
      event: 'idle-stopped',
      child: S,
      idleMs: IDLE_MS,
    });
  });

  test('requested many times: started once', () => {
    expect(effectsAfter(...starting, ...starting, ready(S, T + 1000), ...starting).slice(1)).toEqual([[], [], []]);
  });
});

describe('the idle timer', () => {
  test('runs from the end of the last connection, however many there were', () => {
    const busy = [
      ...running,
      demandEnded(S, T + 2000),
      demandStarted(S, T + 3000),
      demandEnded(S, T + 500_000),
      demandEnded(S, T + 600_000),
    ];
    const early = [...busy, idleTimeout(S, T, T + IDLE_MS)];
    expect(effectsAfter(...early).at(-1)).toEqual([`idle-timeout at ${T + 500_000 + IDLE_MS}`]);
    expect(stateOf(...early, idleTimeout(S, T, T + 500_000 + IDLE_MS))).toBe('stopping');
  });

  test('is scheduled again as long as it is needed', () => {
    expect(effectsAfter(...running, idleTimeout(S, T, T + IDLE_MS)).at(-1)).toEqual([
      `idle-timeout at ${T + 2 * IDLE_MS}`,
    ]);
  });

  test('runs from the end of the demand even before the child is ready', () => {
    const gaveUp = [...starting, demandEnded(S, T + 500), ready(S, T + 1000)];
    expect(effectsAfter(...gaveUp, idleTimeout(S, T, T + IDLE_MS)).at(-1)).toEqual([
      `idle-timeout at ${T + 500 + IDLE_MS}`,
    ]);
    expect(stateOf(...gaveUp, idleTimeout(S, T, T + 500 + IDLE_MS))).toBe('stopping');
  });

  test('stops a starting child as well, and that is no failed start', () => {
    const gaveUp = [
      ...starting,
      demandEnded(S, T),
      idleTimeout(S, T, T + IDLE_MS),
      ...exitedAndReaped('SIGTERM', T + IDLE_MS + 9),
    ];
    expect(loggedOf(...gaveUp)).toEqual(['idle-stopped', 'exited']);
    expect(stateOf(...gaveUp)).toBe('stopped');
  });

  test('a timer of an earlier incarnation is ignored', () => {
    const again = [...cleaningUp, reaped(S, R + 20), demandStarted(S, R + 30), demandEnded(S, R + 40)];
    expect(effectsAfter(...again, idleTimeout(S, T, R + 30 + IDLE_MS)).at(-1)).toEqual([]);
  });
});

describe('an idle stop', () => {
  test('it ignores SIGTERM: SIGKILL for its process tree, logged as our kill', () => {
    const killed = [...idleStopped, stopTimeout(S, T, R + 5000), ...exitedAndReaped('SIGKILL', R + 5100)];
    expect(effectsAfter(...killed).slice(-3)).toEqual([[`kill ${S}`], [reapEffect(R + 5100)], []]);
    expect(replay(plan, ...killed).logged.at(-1)).toMatchObject({ event: 'exited', killedByUs: true });
  });

  test('SIGKILL after 5 s, or sooner where the dyno stops faster', () => {
    const until = (killAfterMs: number): string | undefined =>
      replay({ ...plan, stop: { ...plan.stop, killAfterMs } }, ...othersReady, ...idleStopped).last[1];
    expect([5001, 5000, 4000].map(until)).toEqual([5000, 5000, 4000].map((ms) => `stop-timeout at ${R + ms}`));
  });

  test('any exit status is accepted', () => {
    for (const status of [0, 1, 'SIGTERM', 'SIGKILL', 'SIGSEGV'] as const)
      expect([
        stateOf(...idleStopped, ...exitedAndReaped(status, R + 1)),
        phaseAfter(...idleStopped, ...exitedAndReaped(status, R + 1)),
      ]).toEqual(['stopped', 'running']);
  });

  test.each([
    ['SIGTERM', idleStopped],
    ['SIGKILL', [...idleStopped, stopTimeout(S, T, R + 5000)]],
  ])('requested again after its %s: startable once it has exited', (_, events) => {
    const again = [...events, demandStarted(S, R + 5000), ...exitedAndReaped(0, R + 5010)];
    expect(effectsAfter(...again).slice(-3)).toEqual([[], [reapEffect(R + 5010)], []]);
    expect(lastLogged(...again)).toEqual(STARTABLE);
    expect(effectsAfter(...again, demandStarted(S, R + 5011)).at(-1)).toEqual(startEffects(R + 5011));
  });

  test('requested again while cleaning up: startable after that', () => {
    const again = [...cleaningUp, demandStarted(S, R + 20), reaped(S, R + 30)];
    expect([effectsAfter(...again).at(-1), lastLogged(...again)]).toEqual([[], STARTABLE]);
    expect(effectsAfter(...again, demandStarted(S, R + 31)).at(-1)).toEqual(startEffects(R + 31));
  });

  test('requested again and given up: it stays stopped', () => {
    const gaveUp = [...idleStopped, demandStarted(S, R + 1), demandEnded(S, R + 2), ...exitedAndReaped(0, R + 3)];
    expect([stateOf(...gaveUp), loggedOf(...gaveUp).includes('startable')]).toEqual(['stopped', false]);
  });
});

describe('under memory pressure', () => {
  const short = (atMs: number): Event[] => [pressure(atMs), demandStarted(S, atMs)];

  test.each([
    ['stopped', []],
    ['stopping', idleStopped],
    ['stopping, and requested', [...idleStopped, demandStarted(S, R + 1)]],
    ['cleaning up', cleaningUp],
    ['backing off', backingOff],
  ])('%s: it is not started, and the start is denied', (_, events) => {
    const at = R + 100_000;
    const all = [...events, ...short(at)];
    expect(loggedOf(...all, ...exitedAndReaped(0, at + 1), backoffOver(at + 2))).not.toContain('startable');
    expect(replay(plan, ...all).logged.at(-1)).toEqual({
      event: 'start-denied',
      child: S,
      reason: 'memory 819 of 512 MB (160 %)',
    });
    expect(effectsAfter(...all, ...exitedAndReaped(0, at + 1), backoffOver(at + 2)).flat()).not.toContain(
      startEffects(at + 1)[1],
    );
    expect(stateOf(...all, ...exitedAndReaped(0, at + 1), backoffOver(at + 2))).toBe('stopped');
  });

  test.each([
    ['its backoff', [...backingOff, backoffOver(T + 6000)]],
    ['its cleanup', [...cleaningUp, demandStarted(S, R + 20), reaped(S, R + 30)]],
  ])('startable after %s, then memory pressure: it is not started', (_, events) => {
    expect(lastLogged(...events)).toEqual(STARTABLE);
    expect(stateOf(...events, ...short(R + 31), backoffOver(R + 32), reaped(S, R + 33))).toBe('stopped');
    expect(lastLogged(...events, ...short(R + 31))).toEqual(['start-denied']);
  });

  test.each([
    ['starting', starting],
    ['ready', running],
  ])('%s: it keeps running', (name, events) => {
    expect(stateOf(...events, ...short(T + 5000))).toBe(name);
    expect(loggedOf(...events, ...short(T + 5000))).not.toContain('start-denied');
    expect(effectsAfter(...events, ...short(T + 5000), idleTimeout(S, T, T + IDLE_MS)).at(-1)).toEqual([
      `idle-timeout at ${T + 2 * IDLE_MS}`,
    ]);
  });
});

describe('a crash', () => {
  test('with any status: the dyno keeps running, and it starts again on demand', () => {
    for (const status of [0, 1, 143, 'SIGTERM', 'SIGKILL', 'SIGSEGV'] as const) {
      const events = [...running, ...exitedAndReaped(status, T + 5000), demandStarted(S, T + 7000)];
      expect(effectsAfter(...events).slice(2), `status ${status}`).toEqual([
        [reapEffect(T + 5000), `backoff-expired at ${T + 6000}`],
        [],
        startEffects(T + 7000),
      ]);
      expect(loggedOf(...events)).toEqual(['ready', 'exited', 'backing-off']);
    }
  });

  test('without a new request it stays stopped after the backoff', () => {
    const quiet = [...crashed, reaped(S, T + 5010), backoffOver(T + 6000)];
    expect([stateOf(...quiet), loggedOf(...quiet).includes('startable')]).toEqual(['stopped', false]);
  });

  test('requested during the backoff: startable once afterwards, and started by the next request', () => {
    expect([effectsAfter(...backingOff).at(-1), lastLogged(...backingOff)]).toEqual([[], []]);
    const over = [...backingOff, demandStarted(S, T + 5990), backoffOver(T + 6000)];
    expect([effectsAfter(...over).at(-1), lastLogged(...over)]).toEqual([[], STARTABLE]);
    expect(replay(plan, ...othersReady, ...over).logged.at(-1)).toEqual({ event: 'startable', child: S });
    expect(replay(plan, ...othersReady, ...over).state.children.get(S)?.demand?.idleSinceMs).toBe(T + 6000);
    expect(lastLogged(...over, backoffOver(T + 6000))).toEqual([]);
    expect(effectsAfter(...over, demandStarted(S, T + 6000)).at(-1)).toEqual(startEffects(T + 6000));
    expect(effectsAfter(...over, demandStarted(S, T + 6000), backoffOver(T + 6000)).at(-1)).toEqual([]);
  });

  test('requested while cleaning up: startable after both the cleanup and the backoff', () => {
    const long = [...crashed, demandStarted(S, T + 5001), backoffOver(T + 6000), reaped(S, T + 9000)];
    expect(effectsAfter(...long).slice(-3)).toEqual([[], [], []]);
    expect([lastLogged(...long.slice(0, -1)), lastLogged(...long)]).toEqual([[], STARTABLE]);
    const short = [...crashed, demandStarted(S, T + 5001), reaped(S, T + 5500), backoffOver(T + 6000)];
    expect(effectsAfter(...short).slice(-2)).toEqual([[], []]);
    expect([lastLogged(...short.slice(0, -1)), lastLogged(...short)]).toEqual([[], STARTABLE]);
  });

  test('given up during the backoff: it is not started', () => {
    const gaveUp = [...backingOff, demandEnded(S, T + 5030), backoffOver(T + 6000)];
    expect([stateOf(...gaveUp), lastLogged(...gaveUp)]).toEqual(['stopped', []]);
  });

  /** Several crashes, each `uptimeMs` after a request. */
  function crashes(count: number, uptimeMs: number): Event[] {
    return Array.from({ length: count }, (_, index) => {
      const at = T + index * 200_000;
      return [demandStarted(S, at), ready(S, at + 1), ...exitedAndReaped(0, at + uptimeMs)];
    }).flat();
  }
  const pauses = (...events: Event[]): number[] =>
    replay(plan, ...othersReady, ...events).logged.flatMap((event) =>
      event.event === 'backing-off' ? [event.pauseMs] : [],
    );

  test('the backoff doubles with each crash, up to a minute', () => {
    expect(pauses(...crashes(8, 59_999)).map((ms) => ms / 1000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(pauses(...crashes(2000, 10)).at(-1)).toBe(60_000);
  });

  test('a minute of uptime, or an idle stop, resets the backoff', () => {
    expect(pauses(...crashes(3, 60_000))).toEqual([1000, 1000, 1000]);
    const L = T + 600_000;
    const rested = [
      demandStarted(S, L),
      demandEnded(S, L),
      idleTimeout(S, L, L + IDLE_MS),
      ...exitedAndReaped(0, L + IDLE_MS),
    ];
    const again = [demandStarted(S, L + IDLE_MS), ready(S, L + IDLE_MS), ...exitedAndReaped(0, L + IDLE_MS + 9)];
    expect(pauses(...crashes(3, 10), ...rested, ...again)).toEqual([1000, 2000, 4000, 1000]);
  });

  test('a timer of an earlier backoff does not end a later one', () => {
    const twice = [...crashes(2, 10), demandStarted(S, T + 200_020)];
    expect([stateOf(...twice, backoffOver(T + 1010)), lastLogged(...twice, backoffOver(T + 1010))]).toEqual([
      'stopped',
      [],
    ]);
  });
});

describe('a failed start', () => {
  const missing = Object.assign(new Error('command not found'), { code: 'ENOENT' });
  const try1 = [demandStarted(S, T), ...exitedAndReaped(1, T + 10)];
  const try2 = [demandStarted(S, T + 10_000), ...exitedAndReaped(1, T + 10_010)];
  const try3 = (status: number | NodeJS.Signals | Error): Event[] => [
    demandStarted(S, T + 20_000),
    exited(S, status, T + 20_010),
  ];
  const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 21_000));

  test.each([
    [3, 3, 'streaming exited with code 3'],
    [0, 1, 'streaming exited with code 0'],
    ['SIGSEGV', 139, 'streaming was killed by SIGSEGV'],
  ] as const)('the third in a row ends the dyno (%s)', (status, code, exit) => {
    const events = [...try1, ...try2, ...try3(status)];
    expect(phaseAfter(...try1, ...try2)).toBe('running');
    expect(
      effectsAfter(...events)
        .at(-1)
        ?.slice(0, 2),
    ).toEqual(['SIGTERM puma', 'SIGTERM sidekiq']);
    const windowClosed = broadcastWindowClosed(T + 21_010);
    expect(outcomeOf(plan, ...othersReady, ...events, ...ends, windowClosed, allReaped(T + 22_000))).toMatchObject({
      code,
      cause: 'child-exited',
      reason: `${exit} 10 ms after it started, the third time in a row that it did not become ready; stopped puma and sidekiq`,
    });
  });

  test('a missing command', () => {
    const events = [...try1, ...try2, ...try3(missing)];
    expect(outcomeOf(plan, ...othersReady, ...events, ...ends, allReaped(T + 22_000))).toMatchObject({
      code: 127,
      reason:
        'streaming could not start: command not found, the third time in a row that it did not become ready; stopped puma and sidekiq',
    });
  });

  test('becoming ready resets the count', () => {
    const well = [demandStarted(S, T + 15_000), ready(S, T + 15_500), ...exitedAndReaped(1, T + 15_600)];
    expect(phaseAfter(...try1, ...try2, ...well, ...try3(1))).toBe('running');
    const before = [...try1, ...try2].map((event) => ({ ...event, atMs: event.atMs - 100_000 }));
    const rested = [...before, ...idleStopped, ...exitedAndReaped(0, R + 10)];
    expect(phaseAfter(...rested, demandStarted(S, R + 20), ...exitedAndReaped(1, R + 30))).toBe('running');
  });

  test('not ready within a minute: SIGTERM, and a failed start; the third ends the dyno', () => {
    const late = (atMs: number): Event[] => [demandStarted(S, atMs), readyTimeout(S, atMs, atMs + 60_000)];
    const first = [...late(T), ...exitedAndReaped(0, T + 60_010)];
    expect(effectsAfter(...first).slice(1)).toEqual([
      [`SIGTERM ${S}`, `stop-timeout at ${T + 65_000}`, `backoff-expired at ${T + 61_000}`],
      [reapEffect(T + 60_010)],
      [],
    ]);
    expect(loggedOf(...first)).toEqual(['backing-off', 'exited']);
    const L = T + 200_000;
    const third = [...first, ...try2.map((event) => ({ ...event, atMs: event.atMs + 100_000 })), ...late(L)];
    expect(
      effectsAfter(...third)
        .at(-1)
        ?.slice(0, 3),
    ).toEqual(['SIGTERM puma', 'SIGTERM sidekiq', `SIGTERM ${S}`]);
    const all = ['puma', 'sidekiq', S].map((name) => exited(name, 0, L + 60_500));
    expect(outcomeOf(plan, ...othersReady, ...third, ...all, allReaped(L + 60_600))).toMatchObject({
      code: 1,
      cause: 'not-ready',
      child: S,
      reason: 'streaming was not ready after 1 min, the third time in a row that it did not become ready',
    });
  });

  test('requested after its SIGTERM: startable once it has exited', () => {
    const late = [
      demandStarted(S, T),
      readyTimeout(S, T, T + 60_000),
      demandStarted(S, T + 60_005),
      ...exitedAndReaped(0, T + 65_000),
    ];
    expect([effectsAfter(...late).at(-1), lastLogged(...late)]).toEqual([[], STARTABLE]);
  });

  test('becoming ready after its SIGTERM changes nothing', () => {
    expect(stateOf(...starting, readyTimeout(S, T, T + 60_000), ready(S, T + 60_001))).toBe('stopping');
  });

  test('a ready timeout of a ready child or of an earlier incarnation is ignored', () => {
    expect(stateOf(...running, readyTimeout(S, T, T + 60_000))).toBe('ready');
    expect(stateOf(...backingOff, demandStarted(S, T + 6000), readyTimeout(S, T, T + 60_000))).toBe('starting');
  });

  test('readiness that cannot be observed is assumed', () => {
    const unknown = readinessUnknown(S, T);
    expect(stateOf(...starting, unknown)).toBe('ready');
    expect(loggedOf(...starting, unknown, readyTimeout(S, T, T + 60_000))).toEqual(['assumed-ready']);
  });
});

describe('a child that starts with the dyno', () => {
  const inline = servePlan(child('puma'), child(S));

  test('ignores demand, memory pressure and idle', () => {
    const events = [demandStarted(S, T), pressure(T), demandStarted(S, T), demandEnded(S, T), idle(S, T)];
    const { effects, logged } = replay(inline, ready(S, 1), ...events, idleTimeout(S, 0, T + IDLE_MS), backoffOver(T));
    expect(effects.slice(2).flat()).toEqual([]);
    expect(logged.map(({ event }) => event)).toEqual(['ready']);
  });

  test('any unexpected exit is a crash', () => {
    expect(replay(inline, ready(S, 1), exited(S, 0, T)).phase).toBe('terminating');
  });
});

describe('a stop', () => {
  const states: [string, Event[], string[]][] = [
    ['stopped', [], []],
    ['starting', starting, [S]],
    ['ready', running, [S]],
    ['stopping', idleStopped, [S]],
    ['cleaning up', cleaningUp, []],
    ['crashed', crashed, []],
    ['backing off', backingOff, []],
  ];

  test.each(states)('%s: SIGTERM to every running child', (_, events, living) => {
    const last = effectsAfter(...events, signal('SIGTERM', R + 1000)).at(-1) ?? [];
    expect(last.filter((effect) => effect.startsWith('SIGTERM'))).toEqual(
      ['puma', 'sidekiq', ...living].map((name) => `SIGTERM ${name}`),
    );
  });

  test.each(states)('%s: nothing is started any more', (_, events) => {
    const at = R + 2000;
    const ask = [
      demandStarted(S, at),
      pressure(at),
      demandStarted(S, at),
      demandEnded(S, at),
      backoffOver(at),
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
    expect(effectsAfter(...stop, ...ask, ...timers, demandStarted(S, at)).slice(stop.length)).toEqual(
      Array(12).fill([]),
    );
    expect(loggedOf(...stop, ...ask, ...timers)).toEqual(loggedOf(...stop));
  });

  test.each(states)('%s: done with exit code 0 once every running child has exited', (_, events, living) => {
    const ends = ['puma', 'sidekiq', ...living].map((name) => exited(name, 0, R + 2000));
    const all = [...othersReady, ...events, signal('SIGTERM', R + 1000), ...ends, allReaped(R + 2001)];
    expect(outcomeOf(plan, ...all)).toMatchObject({ code: 0 });
  });

  test('a SIGKILL sent just before counts as our kill', () => {
    const killed = [...idleStopped, stopTimeout(S, T, R + 5000), signal('SIGTERM', R + 5001)];
    const ends = [exited(S, 'SIGKILL', R + 5010), ...['puma', 'sidekiq'].map((name) => exited(name, 0, R + 5100))];
    expect(outcomeOf(plan, ...othersReady, ...killed, ...ends, allReaped(R + 5200))).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; streaming had to be killed',
    });
  });
});

describe('broadcast: the platform sends SIGTERM to every process', () => {
  test('streaming exits with 0, 143 or SIGTERM just before our SIGTERM: asked to stop', () => {
    for (const status of [0, 143, 'SIGTERM'] as const) {
      const events = [...running, exited(S, status, T + 5000), signal('SIGTERM', T + 5001), reaped(S, T + 5002)];
      const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 6000));
      const outcome = outcomeOf(plan, ...othersReady, ...events, ...ends, allReaped(T + 6001));
      const reason = 'asked to stop by SIGTERM; everything ended by itself';
      expect(outcome, `status ${status}`).toMatchObject({ code: 0, reason });
    }
  });

  test('the same for the third failed start in a row', () => {
    const tries = [0, 10_000].flatMap((ms) => [demandStarted(S, T + ms), ...exitedAndReaped(1, T + ms + 10)]);
    const third = [demandStarted(S, T + 20_000), exited(S, 'SIGTERM', T + 20_010), signal('SIGTERM', T + 20_020)];
    const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 21_000));
    expect(outcomeOf(plan, ...othersReady, ...tries, ...third, ...ends, allReaped(T + 21_001))).toMatchObject({
      code: 0,
    });
  });
});

describe('a crash of another child', () => {
  test.each([
    ['ready', running, true],
    ['stopping', idleStopped, true],
    ['stopped', [], false],
  ] as const)('%s: the dyno stops as usual', (_, events, lives) => {
    const last = effectsAfter(...events, exited('puma', 1, R + 5)).at(-1) ?? [];
    expect([last.includes('SIGTERM sidekiq'), last.includes(`SIGTERM ${S}`)]).toEqual([true, lives]);
  });
});

describe('an emergency restart', () => {
  const fresh = servePlan(child('puma'), onDemand(S, IDLE_MS));

  test.each([
    ['starting', starting],
    ['ready', running],
  ])('%s, and no child to restart: it is stopped instead of the dyno', (_, events) => {
    const { last, logged, state } = replay(fresh, ready('puma', 1), ...events, emergency(null, T + 5000));
    expect(last).toEqual([`SIGTERM ${S}`, `stop-timeout at ${T + 10_000}`, `backoff-expired at ${T + 6000}`]);
    expect(logged.at(-1)).toEqual({ event: 'stopped-for-memory', child: S, reason: 'memory 973 of 512 MB (190 %)' });
    expect(state.phase).toBe('running');
  });

  test('a sidekiq that can be restarted goes first, unless it was just restarted', () => {
    expect(effectsAfter(...running, emergency('sidekiq', T + 5000)).at(-1)?.[0]).toBe('SIGTERM sidekiq');
    const back = [
      emergency('sidekiq', T + 5000),
      exited('sidekiq', 0, T + 5010),
      reaped('sidekiq', T + 5020),
      ready('sidekiq', T + 6000),
    ];
    expect(effectsAfter(...running, ...back, emergency('sidekiq', T + 7000)).at(-1)?.[0]).toBe(`SIGTERM ${S}`);
    expect(effectsAfter(...running, ...back.slice(0, 3), emergency('sidekiq', T + 5500)).at(-1)?.[0]).toBe(
      `SIGTERM ${S}`,
    );
  });

  test('while it stops the dyno keeps running; an immediate request kills it; then the dyno stops', () => {
    const saved = [...running, emergency(null, T + 5000)];
    expect(effectsAfter(...saved, emergency(null, T + 5200)).at(-1)).toEqual([]);
    expect(effectsAfter(...saved, emergency(null, T + 5200, true)).at(-1)).toEqual([`kill ${S}`]);
    expect(effectsAfter(...saved, exited(S, 0, T + 5010), emergency(null, T + 5020, true)).at(-1)).toEqual([
      `kill ${S}`,
    ]);
    expect(phaseAfter(...saved, ...exitedAndReaped(0, T + 5010), emergency(null, T + 5300))).toBe('terminating');
  });

  test('it stays stopped with a growing backoff, so that it does not start and stop in turn', () => {
    const saved = [...running, emergency(null, T + 5000), ...exitedAndReaped(0, T + 5010)];
    expect(stateOf(...saved)).toBe('stopped');
    expect(stateOf(...saved, demandStarted(S, T + 5500))).toBe('stopped');
    const again = [...saved, demandStarted(S, T + 6000), emergency(null, T + 7000)];
    expect(effectsAfter(...again).at(-1)).toContain(`backoff-expired at ${T + 9000}`);
  });

  test('stopped before it was ready: no failed start', () => {
    const once = (atMs: number): Event[] => [
      demandStarted(S, atMs),
      emergency(null, atMs + 1),
      ...exitedAndReaped(0, atMs + 2),
    ];
    const events = [T, T + 100_000, T + 200_000, T + 300_000].flatMap(once);
    expect(phaseAfter(...events)).toBe('running');
  });

  test('an idle stop is no restart: sidekiq can be restarted meanwhile', () => {
    expect(effectsAfter(...idleStopped, restart('sidekiq', R + 1)).at(-1)?.[0]).toBe('SIGTSTP sidekiq');
  });

  test('it cannot be restarted gracefully itself', () => {
    expect(effectsAfter(...running, restart(S, T + 5000)).at(-1)).toEqual([]);
    expect(stateOf(...running, restart(S, T + 5000))).toBe('ready');
  });
});

test('signals are forwarded only while it is ready', () => {
  const withSignal = servePlan(child('puma'), onDemand(S, IDLE_MS, { forwardedSignals: ['SIGUSR2'] }));
  const usr2 = signal('SIGUSR2', T + 2000);
  expect(replay(withSignal, ...running, usr2).last).toEqual([`SIGUSR2 ${S}`]);
  for (const events of [[], starting, idleStopped, cleaningUp, backingOff])
    expect(replay(withSignal, ...events, { ...usr2, atMs: R + 100 }).last).toEqual([]);
});
