import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/supervisor/state.ts';
import { onDemand, servePlan, child } from '../fakes/plan.ts';
import {
  about,
  bootOver,
  cleared,
  drainOver,
  drained,
  end,
  exited,
  ready,
  replay,
  save,
  signal,
  swept,
  unwanted,
  wanted,
} from './replay.ts';

const IDLE_MS = 900_000;
const plan = servePlan(child('puma'), child('sidekiq'), onDemand('streaming', IDLE_MS));
const T = 1_000_000;
const S = 'streaming';
const [idleOver, endOver] = [about('idle-over'), about('end-over')];
const pauseOver = (atMs: number): Event => ({ type: 'pause-over', child: S, atMs });

const others = [ready('puma', 100), ready('sidekiq', 100)];
const starting = [wanted(S, T)];
const up = [...starting, ready(S, T + 1000)];
/** Nobody has wanted it for the whole time. */
const resting = [...up, unwanted(S, T + 2000), idleOver(S, T, T + 2000 + IDLE_MS)];
const R = T + 2000 + IDLE_MS;
const clearing = [...resting, exited(S, 0, R + 10)];
const fallen = [...up, exited(S, 0, T + 5000)];
const pausing = [...fallen, cleared(S, T + 5010), wanted(S, T + 5020)];

/** It may start, and whoever waits wants it again. */
const AVAILABLE = ['available'];
const start = (atMs: number): string[] => [`spawn ${S}`, `idle-over at ${atMs + IDLE_MS}`];
const clear = (atMs: number): string => `clear-tree ${S} until ${atMs + 5000}`;

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
    .facts.filter((fact) => 'child' in fact && fact.child === S)
    .map(({ fact }) => fact);
}
function is(...events: Event[]): string | undefined {
  return replay(plan, ...others, ...events).state.children.get(S)?.is;
}
function phase(...events: Event[]): string {
  return replay(plan, ...others, ...events).state.phase;
}
/** It ends, and so does what outlived it. */
const gone = (status: number | NodeJS.Signals | Error, atMs: number): Event[] => [
  exited(S, status, atMs),
  cleared(S, atMs),
];

describe('a life', () => {
  test('nothing is started for it, and nobody waits', () => {
    expect(replay(plan).did).toEqual([['spawn puma', 'spawn sidekiq']]);
    expect(is()).toBe('down');
  });

  test('wanted, ready, unwanted, put to rest, down, wanted again', () => {
    const events = [...resting, ...gone(0, R + 10), wanted(S, R + 5000)];
    expect(after(...events)).toEqual([
      start(T),
      [],
      [],
      [`SIGTERM ${S}`, `end-over at ${R + 5000}`],
      [clear(R + 10)],
      [],
      start(R + 5000),
    ]);
    expect(told(...events)).toEqual(['ready', 'resting', 'ended']);
    expect(replay(plan, ...events).facts.find(({ fact }) => fact === 'resting')).toEqual({
      fact: 'resting',
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
      unwanted(S, T + 2000),
      wanted(S, T + 3000),
      unwanted(S, T + 500_000),
      unwanted(S, T + 600_000),
    ];
    const early = [...busy, idleOver(S, T, T + IDLE_MS)];
    expect(after(...early).at(-1)).toEqual([`idle-over at ${T + 500_000 + IDLE_MS}`]);
    expect(is(...early, idleOver(S, T, T + 500_000 + IDLE_MS))).toBe('ending');
  });

  test('stands while it is wanted: one timer, set anew', () => {
    expect(after(...up, idleOver(S, T, T + IDLE_MS)).at(-1)).toEqual([`idle-over at ${T + 2 * IDLE_MS}`]);
  });

  test('runs from when nobody wanted it any more, should that be before it is ready', () => {
    const gaveUp = [...starting, unwanted(S, T + 500), ready(S, T + 1000)];
    expect(after(...gaveUp, idleOver(S, T, T + IDLE_MS)).at(-1)).toEqual([`idle-over at ${T + 500 + IDLE_MS}`]);
    expect(is(...gaveUp, idleOver(S, T, T + 500 + IDLE_MS))).toBe('ending');
  });

  test('ends one that is not ready yet as well, and that is no failure', () => {
    const gaveUp = [...starting, unwanted(S, T), idleOver(S, T, T + IDLE_MS), ...gone('SIGTERM', T + IDLE_MS + 9)];
    expect(told(...gaveUp)).toEqual(['resting', 'ended']);
    expect(is(...gaveUp)).toBe('down');
  });

  test('a timer of an earlier incarnation means nothing', () => {
    const again = [...clearing, cleared(S, R + 20), wanted(S, R + 30), unwanted(S, R + 40)];
    expect(after(...again, idleOver(S, T, R + 30 + IDLE_MS)).at(-1)).toEqual([]);
  });
});

describe('put to rest', () => {
  test('it does not follow TERM: KILL for its tree, said as ours', () => {
    const killed = [...resting, endOver(S, T, R + 5000), ...gone('SIGKILL', R + 5100)];
    expect(after(...killed).slice(-3)).toEqual([[`kill-tree ${S}`], [clear(R + 5100)], []]);
    expect(replay(plan, ...killed).facts.at(-1)).toMatchObject({ fact: 'ended', byUs: true });
  });

  test('5 s until KILL, or as long as a stop gives it', () => {
    const until = (killAfterMs: number): string | undefined =>
      replay({ ...plan, stop: { ...plan.stop, killAfterMs } }, ...others, ...resting).last[1];
    expect([5001, 5000, 4000].map(until)).toEqual([5000, 5000, 4000].map((ms) => `end-over at ${R + ms}`));
  });

  test('with any status it is down: that was asked for', () => {
    for (const status of [0, 1, 'SIGTERM', 'SIGKILL', 'SIGSEGV'] as const)
      expect([is(...resting, ...gone(status, R + 1)), phase(...resting, ...gone(status, R + 1))]).toEqual([
        'down',
        'running',
      ]);
  });

  test.each([
    ['had its TERM', resting],
    ['had its KILL', [...resting, endOver(S, T, R + 5000)]],
  ])('one that %s is wanted again: it ends, and is asked for anew', (_, events) => {
    const again = [...events, wanted(S, R + 5000), ...gone(0, R + 5010)];
    expect(after(...again).slice(-3)).toEqual([[], [clear(R + 5010)], []]);
    expect(lastTold(...again)).toEqual(AVAILABLE);
    expect(after(...again, wanted(S, R + 5011)).at(-1)).toEqual(start(R + 5011));
  });

  test('one whose rest is being cleared is wanted again: it is asked for anew after that', () => {
    const again = [...clearing, wanted(S, R + 20), cleared(S, R + 30)];
    expect([after(...again).at(-1), lastTold(...again)]).toEqual([[], AVAILABLE]);
    expect(after(...again, wanted(S, R + 31)).at(-1)).toEqual(start(R + 31));
  });

  test('wanted again and given up: it stays down', () => {
    const gaveUp = [...resting, wanted(S, R + 1), unwanted(S, R + 2), ...gone(0, R + 3)];
    expect([is(...gaveUp), told(...gaveUp).includes('available')]).toEqual(['down', false]);
  });
});

describe('no memory for it', () => {
  const short = (atMs: number): Event => wanted(S, atMs, 'memory at 160 % of 512 MB');

  test.each([
    ['down', []],
    ['ending', resting],
    ['ending, and wanted', [...resting, wanted(S, R + 1)]],
    ['clearing', clearing],
    ['pausing', pausing],
  ])('%s: it is not started, and who waits for it is told', (_, events) => {
    const at = R + 100_000;
    const all = [...events, short(at)];
    expect(told(...all, ...gone(0, at + 1), pauseOver(at + 2))).not.toContain('available');
    expect(replay(plan, ...all).facts.at(-1)).toEqual({
      fact: 'not-woken',
      child: S,
      why: 'memory at 160 % of 512 MB',
    });
    expect(after(...all, ...gone(0, at + 1), pauseOver(at + 2)).flat()).not.toContain(start(at + 1)[1]);
    expect(is(...all, ...gone(0, at + 1), pauseOver(at + 2))).toBe('down');
  });

  test.each([
    ['its pause', [...pausing, pauseOver(T + 6000)]],
    ['its clearing', [...clearing, wanted(S, R + 20), cleared(S, R + 30)]],
  ])('there was when somebody asked, and none is left after %s: it is not started', (_, events) => {
    expect(lastTold(...events)).toEqual(AVAILABLE);
    expect(is(...events, short(R + 31), pauseOver(R + 32), cleared(S, R + 33))).toBe('down');
    expect(lastTold(...events, short(R + 31))).toEqual(['not-woken']);
  });

  test.each([
    ['starting', starting],
    ['up', up],
  ])('%s: it holds its memory already', (name, events) => {
    expect(is(...events, short(T + 5000))).toBe(name);
    expect(told(...events, short(T + 5000))).not.toContain('not-woken');
    expect(after(...events, short(T + 5000), idleOver(S, T, T + IDLE_MS)).at(-1)).toEqual([
      `idle-over at ${T + 2 * IDLE_MS}`,
    ]);
  });
});

describe('an end that nobody asked for', () => {
  test.each([0, 1, 143, 'SIGTERM', 'SIGKILL', 'SIGSEGV'] as const)('%s: no crash; it starts when wanted', (status) => {
    const events = [...up, ...gone(status, T + 5000), wanted(S, T + 7000)];
    expect(after(...events).slice(2)).toEqual([[clear(T + 5000), `pause-over at ${T + 6000}`], [], start(T + 7000)]);
    expect(told(...events)).toEqual(['ready', 'ended', 'fell']);
  });

  test('nobody wants it any more until somebody asks again', () => {
    const quiet = [...fallen, cleared(S, T + 5010), pauseOver(T + 6000)];
    expect([is(...quiet), told(...quiet).includes('available')]).toEqual(['down', false]);
  });

  test('wanted in the pause: when that is over it is asked for anew, once, and starts then', () => {
    expect([after(...pausing).at(-1), lastTold(...pausing)]).toEqual([[], []]);
    const over = [...pausing, wanted(S, T + 5990), pauseOver(T + 6000)];
    expect([after(...over).at(-1), lastTold(...over)]).toEqual([[], AVAILABLE]);
    expect(replay(plan, ...others, ...over).facts.at(-1)).toEqual({ fact: 'available', child: S });
    expect(replay(plan, ...others, ...over).state).toMatchObject({
      demands: new Map([[S, { idleSinceMs: T + 6000 }]]),
    });
    expect(lastTold(...over, pauseOver(T + 6000))).toEqual([]);
    expect(after(...over, wanted(S, T + 6000)).at(-1)).toEqual(start(T + 6000));
    expect(after(...over, wanted(S, T + 6000), pauseOver(T + 6000)).at(-1)).toEqual([]);
  });

  test('wanted while what outlived it still ends: after that, and after the pause', () => {
    const long = [...fallen, wanted(S, T + 5001), pauseOver(T + 6000), cleared(S, T + 9000)];
    expect(after(...long).slice(-3)).toEqual([[], [], []]);
    expect([lastTold(...long.slice(0, -1)), lastTold(...long)]).toEqual([[], AVAILABLE]);
    const short = [...fallen, wanted(S, T + 5001), cleared(S, T + 5500), pauseOver(T + 6000)];
    expect(after(...short).slice(-2)).toEqual([[], []]);
    expect([lastTold(...short.slice(0, -1)), lastTold(...short)]).toEqual([[], AVAILABLE]);
  });

  test('given up in the pause: it is not started', () => {
    const gaveUp = [...pausing, unwanted(S, T + 5030), pauseOver(T + 6000)];
    expect([is(...gaveUp), lastTold(...gaveUp)]).toEqual(['down', []]);
  });

  /** It is wanted, becomes ready, lives so long and falls; so often. */
  function falls(count: number, lifeMs: number): Event[] {
    return Array.from({ length: count }, (_, index) => {
      const at = T + index * 200_000;
      return [wanted(S, at), ready(S, at + 1), ...gone(0, at + lifeMs)];
    }).flat();
  }
  const pauses = (...events: Event[]): number[] =>
    replay(plan, ...others, ...events).facts.flatMap((fact) => (fact.fact === 'fell' ? [fact.pauseMs] : []));

  test('pauses grow from fall to fall, up to a minute', () => {
    expect(pauses(...falls(8, 59_999)).map((ms) => ms / 1000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(pauses(...falls(2000, 10)).at(-1)).toBe(60_000);
  });

  test('whoever lived for a minute, or was put to rest, falls as if for the first time', () => {
    expect(pauses(...falls(3, 60_000))).toEqual([1000, 1000, 1000]);
    const L = T + 600_000;
    const rested = [wanted(S, L), unwanted(S, L), idleOver(S, L, L + IDLE_MS), ...gone(0, L + IDLE_MS)];
    const again = [wanted(S, L + IDLE_MS), ready(S, L + IDLE_MS), ...gone(0, L + IDLE_MS + 9)];
    expect(pauses(...falls(3, 10), ...rested, ...again)).toEqual([1000, 2000, 4000, 1000]);
  });

  test('a timer of an earlier pause does not end a later one', () => {
    const twice = [...falls(2, 10), wanted(S, T + 200_020)];
    expect([is(...twice, pauseOver(T + 1010)), lastTold(...twice, pauseOver(T + 1010))]).toEqual(['down', []]);
  });
});

describe('it does not become ready', () => {
  const missing = Object.assign(new Error('command not found'), { code: 'ENOENT' });
  const try1 = [wanted(S, T), ...gone(1, T + 10)];
  const try2 = [wanted(S, T + 10_000), ...gone(1, T + 10_010)];
  const try3 = (status: number | NodeJS.Signals | Error): Event[] => [
    wanted(S, T + 20_000),
    exited(S, status, T + 20_010),
  ];
  const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 21_000));

  test.each([
    [3, 3, 'streaming ended with code 3'],
    [0, 1, 'streaming ended with code 0'],
    ['SIGSEGV', 139, 'streaming was ended by SIGSEGV'],
  ] as const)('three times in a row (%s): a crash of the dyno', (status, code, said) => {
    const events = [...try1, ...try2, ...try3(status)];
    expect(phase(...try1, ...try2)).toBe('running');
    expect(
      after(...events)
        .at(-1)
        ?.slice(0, 2),
    ).toEqual(['SIGTERM puma', 'SIGTERM sidekiq']);
    const over: Event = { type: 'broadcast-over', atMs: T + 21_010 };
    expect(end(plan, ...others, ...events, ...ends, over, swept(T + 22_000))).toMatchObject({
      code,
      cause: 'child-exited',
      reason: `${said} 10 ms after it started, the third time in a row that it did not become ready; stopped puma and sidekiq`,
    });
  });

  test('a command that is not there', () => {
    const events = [...try1, ...try2, ...try3(missing)];
    expect(end(plan, ...others, ...events, ...ends, swept(T + 22_000))).toMatchObject({
      code: 127,
      reason:
        'streaming could not start: command not found, the third time in a row that it did not become ready; stopped puma and sidekiq',
    });
  });

  test('ready once in between: counted anew', () => {
    const well = [wanted(S, T + 15_000), ready(S, T + 15_500), ...gone(1, T + 15_600)];
    expect(phase(...try1, ...try2, ...well, ...try3(1))).toBe('running');
    const before = [...try1, ...try2].map((event) => ({ ...event, atMs: event.atMs - 100_000 }));
    const rested = [...before, ...resting, ...gone(0, R + 10)];
    expect(phase(...rested, wanted(S, R + 20), ...gone(1, R + 30))).toBe('running');
  });

  test('not ready within a minute: TERM, and a failure; the third ends the dyno', () => {
    const late = (atMs: number): Event[] => [wanted(S, atMs), bootOver(S, atMs, atMs + 60_000)];
    const first = [...late(T), ...gone(0, T + 60_010)];
    expect(after(...first).slice(1)).toEqual([
      [`SIGTERM ${S}`, `end-over at ${T + 65_000}`, `pause-over at ${T + 61_000}`],
      [clear(T + 60_010)],
      [],
    ]);
    expect(told(...first)).toEqual(['fell', 'ended']);
    const L = T + 200_000;
    const third = [...first, ...try2.map((event) => ({ ...event, atMs: event.atMs + 100_000 })), ...late(L)];
    expect(
      after(...third)
        .at(-1)
        ?.slice(0, 3),
    ).toEqual(['SIGTERM puma', 'SIGTERM sidekiq', `SIGTERM ${S}`]);
    const all = ['puma', 'sidekiq', S].map((name) => exited(name, 0, L + 60_500));
    expect(end(plan, ...others, ...third, ...all, swept(L + 60_600))).toMatchObject({
      code: 1,
      cause: 'never-up',
      child: S,
      reason: 'streaming was not ready after 1 min, the third time in a row that it did not become ready',
    });
  });

  test('whoever waits when it had its TERM asks again, and anew when it has ended', () => {
    const late = [wanted(S, T), bootOver(S, T, T + 60_000), wanted(S, T + 60_005), ...gone(0, T + 65_000)];
    expect([after(...late).at(-1), lastTold(...late)]).toEqual([[], AVAILABLE]);
  });

  test('ready after its TERM: nothing, it ends', () => {
    expect(is(...starting, bootOver(S, T, T + 60_000), ready(S, T + 60_001))).toBe('ending');
  });

  test('a minute that is over after it was ready, or of an earlier incarnation: nothing', () => {
    expect(is(...up, bootOver(S, T, T + 60_000))).toBe('up');
    expect(is(...pausing, wanted(S, T + 6000), bootOver(S, T, T + 60_000))).toBe('starting');
  });

  test('nobody could see that it is ready: it counts as up', () => {
    const unwatched: Event = { type: 'unwatched', child: S, atMs: T };
    expect(is(...starting, unwatched)).toBe('up');
    expect(told(...starting, unwatched, bootOver(S, T, T + 60_000))).toEqual(['taken-as-up']);
  });
});

describe('every child that runs at once', () => {
  const inline = servePlan(child('puma'), child(S));

  test('wanted, unwanted and drained mean nothing to it', () => {
    const events = [wanted(S, T), wanted(S, T, 'memory at 160 % of 512 MB'), unwanted(S, T), drained(S, T)];
    const { did, facts } = replay(inline, ready(S, 1), ...events, idleOver(S, 0, T + IDLE_MS), pauseOver(T));
    expect(did.slice(2).flat()).toEqual([]);
    expect(facts.map(({ fact }) => fact)).toEqual(['ready']);
  });

  test('any unasked end is a crash', () => {
    expect(replay(inline, ready(S, 1), exited(S, 0, T)).state.phase).toBe('stopping');
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
    const ask = [wanted(S, at), wanted(S, at, 'short'), unwanted(S, at), pauseOver(at), cleared(S, at)];
    const timers = [idleOver(S, T, at), bootOver(S, T, at), endOver(S, T, at), drained(S, at), drainOver(S, at)];
    const stop = [...events, signal('SIGTERM', R + 1000)];
    expect(after(...stop, ...ask, ...timers, wanted(S, at)).slice(stop.length)).toEqual(Array(11).fill([]));
    expect(told(...stop, ...ask, ...timers)).toEqual(told(...stop));
  });

  test.each(states)('%s: over once all that live have ended, with 0', (_, events, living) => {
    const ends = ['puma', 'sidekiq', ...living].map((name) => exited(name, 0, R + 2000));
    const all = [...others, ...events, signal('SIGTERM', R + 1000), ...ends, swept(R + 2001)];
    expect(end(plan, ...all)).toMatchObject({ code: 0 });
  });

  test('it had to be killed just before: said as ours', () => {
    const killed = [...resting, endOver(S, T, R + 5000), signal('SIGTERM', R + 5001)];
    const ends = [exited(S, 'SIGKILL', R + 5010), ...['puma', 'sidekiq'].map((name) => exited(name, 0, R + 5100))];
    expect(end(plan, ...others, ...killed, ...ends, swept(R + 5200))).toMatchObject({
      code: 137,
      reason: 'asked to stop by SIGTERM; streaming had to be killed',
    });
  });
});

describe('broadcast: the platform TERMs every process', () => {
  test.each([0, 143, 'SIGTERM'] as const)('streaming ends with %s before we hear of it: asked to stop', (status) => {
    const events = [...up, exited(S, status, T + 5000), signal('SIGTERM', T + 5001), cleared(S, T + 5002)];
    const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 6000));
    expect(end(plan, ...others, ...events, ...ends, swept(T + 6001))).toMatchObject({
      code: 0,
      reason: 'asked to stop by SIGTERM; everything ended by itself',
    });
  });

  test('of the third in a row that was not ready as well', () => {
    const tries = [0, 10_000].flatMap((ms) => [wanted(S, T + ms), ...gone(1, T + ms + 10)]);
    const third = [wanted(S, T + 20_000), exited(S, 'SIGTERM', T + 20_010), signal('SIGTERM', T + 20_020)];
    const ends = ['puma', 'sidekiq'].map((name) => exited(name, 0, T + 21_000));
    expect(end(plan, ...others, ...tries, ...third, ...ends, swept(T + 21_001))).toMatchObject({ code: 0 });
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
    const { last, facts, state } = replay(fresh, ready('puma', 1), ...events, save(null, T + 5000));
    expect(last).toEqual([`SIGTERM ${S}`, `end-over at ${T + 10_000}`, `pause-over at ${T + 6000}`]);
    expect(facts.at(-1)).toEqual({ fact: 'resting', child: S, why: 'memory at 190 % of 512 MB' });
    expect(state.phase).toBe('running');
  });

  test('a sidekiq that can be restarted goes first; one that was just recycled does not', () => {
    expect(after(...up, save('sidekiq', T + 5000)).at(-1)?.[0]).toBe('SIGTERM sidekiq');
    const back = [
      save('sidekiq', T + 5000),
      exited('sidekiq', 0, T + 5010),
      cleared('sidekiq', T + 5020),
      ready('sidekiq', T + 6000),
    ];
    expect(after(...up, ...back, save('sidekiq', T + 7000)).at(-1)?.[0]).toBe(`SIGTERM ${S}`);
    expect(after(...up, ...back.slice(0, 3), save('sidekiq', T + 5500)).at(-1)?.[0]).toBe(`SIGTERM ${S}`);
  });

  test('while it ends the dyno is not stopped; at the last moment it is killed; then the dyno stops', () => {
    const saved = [...up, save(null, T + 5000)];
    expect(after(...saved, save(null, T + 5200)).at(-1)).toEqual([]);
    expect(after(...saved, save(null, T + 5200, true)).at(-1)).toEqual([`kill-tree ${S}`]);
    expect(after(...saved, exited(S, 0, T + 5010), save(null, T + 5020, true)).at(-1)).toEqual([`kill-tree ${S}`]);
    expect(phase(...saved, ...gone(0, T + 5010), save(null, T + 5300))).toBe('stopping');
  });

  test('nobody wants it any more, and its pauses grow, so that it is not started and ended in turn', () => {
    const saved = [...up, save(null, T + 5000), ...gone(0, T + 5010)];
    expect(is(...saved)).toBe('down');
    expect(is(...saved, wanted(S, T + 5500))).toBe('down');
    const again = [...saved, wanted(S, T + 6000), save(null, T + 7000)];
    expect(after(...again).at(-1)).toContain(`pause-over at ${T + 9000}`);
  });

  test('put to rest before it was ready: no failure', () => {
    const once = (atMs: number): Event[] => [wanted(S, atMs), save(null, atMs + 1), ...gone(0, atMs + 2)];
    const events = [T, T + 100_000, T + 200_000, T + 300_000].flatMap(once);
    expect(phase(...events)).toBe('running');
  });

  test('a rest is no recycle: sidekiq can be recycled meanwhile', () => {
    const recycle: Event = { type: 'recycle', child: 'sidekiq', why: '', atMs: R + 1 };
    expect(after(...resting, recycle).at(-1)?.[0]).toBe('SIGTSTP sidekiq');
  });

  test('it cannot be recycled itself', () => {
    const recycle: Event = { type: 'recycle', child: S, why: '', atMs: T + 5000 };
    expect(after(...up, recycle).at(-1)).toEqual([]);
    expect(is(...up, recycle)).toBe('up');
  });
});

test('signals are handed on to one that is up', () => {
  const hearing = servePlan(child('puma'), onDemand(S, IDLE_MS, { forwards: ['SIGUSR2'] }));
  const usr2 = signal('SIGUSR2', T + 2000);
  expect(replay(hearing, ...up, usr2).last).toEqual([`SIGUSR2 ${S}`]);
  for (const events of [[], starting, resting, clearing, pausing])
    expect(replay(hearing, ...events, { ...usr2, atMs: R + 100 }).last).toEqual([]);
});
