import { describe, expect, test } from 'vitest';
import type { ServePlan } from '../../src/plan/spec.ts';
import { MIN_RESTART_INTERVAL_MS } from '../../src/supervisor/restart.ts';
import { next } from '../../src/supervisor/transitions.ts';
import { RESTART_TIMEOUT_MS } from '../../src/supervisor/start.ts';
import type { Event } from '../../src/supervisor/state.ts';
import { child, onDemand, routedPuma, servePlan } from '../fakes/plan.ts';
import {
  allReaped,
  codeOf,
  demandStarted,
  emergency,
  end,
  exited,
  idle,
  idleSince,
  phaseOf,
  quietTimeout,
  readinessUnknown,
  ready,
  readyTimeout,
  reaped,
  replay,
  restart,
  restartDue,
  signal,
  stopTimeout,
} from './replay.ts';

const plan = servePlan(child('puma'), child('sidekiq-1'), child('sidekiq-2'));
const up = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => ready(name, 100));
const T = 1_000_000;

const endProcess: Event = {
  type: 'end-process',
  id: { pid: 7, started: '1' },
  name: 'convert',
  killAfterMs: 2000,
  reason: '',
  atMs: T,
};

/** What each event after all are up led to. */
function after(...events: Event[]): string[][] {
  return replay(plan, ...up, ...events).did.slice(1 + up.length);
}
function phaseAfter(...events: Event[]): string {
  return replay(plan, ...up, ...events).phase;
}
const QUIET = ['SIGTSTP sidekiq-1', 'watch-idle sidekiq-1', `quiet-timeout at ${T + 60_000}`];
const clear = (name: string, atMs: number): string[] => [`reap ${name} until ${atMs + 28_500}`];
const back = (name: string, atMs: number): string[] => [
  `spawn ${name}`,
  `ready-timeout at ${atMs + RESTART_TIMEOUT_MS}`,
];

/** It ends, and so does what outlived it. */
function gone(name: string, status: number | NodeJS.Signals, atMs: number): Event[] {
  return [exited(name, status, atMs), reaped(name, atMs)];
}

describe('a recycle', () => {
  test('quiet; TERM when idle; started again when it has ended; ready', () => {
    const events = [
      restart('sidekiq-1', T),
      idleSince('sidekiq-1', 0, T + 5000),
      ...gone('sidekiq-1', 0, T + 6000),
      ready('sidekiq-1', T + 9000),
    ];
    expect(after(...events)).toEqual([
      QUIET,
      ['SIGTERM sidekiq-1', `stop-timeout at ${T + 5000 + 28_500}`],
      clear('sidekiq-1', T + 6000),
      back('sidekiq-1', T + 6000),
      [],
    ]);
    expect(phaseAfter(...events)).toBe('running');
  });

  test('not idle in time: TERM all the same, and it gives its jobs back; KILL when it does not end', () => {
    const events = [
      restart('sidekiq-1', T),
      quietTimeout('sidekiq-1', 0, T + 60_000),
      stopTimeout('sidekiq-1', 0, T + 88_500),
      ...gone('sidekiq-1', 'SIGKILL', T + 88_501),
    ];
    expect(after(...events).slice(1)).toEqual([
      ['SIGTERM sidekiq-1', `stop-timeout at ${T + 88_500}`],
      ['kill sidekiq-1'],
      clear('sidekiq-1', T + 88_501),
      back('sidekiq-1', T + 88_501),
    ]);
  });

  test('idle and the end of its time together: one TERM', () => {
    const events = [
      restart('sidekiq-1', T),
      idleSince('sidekiq-1', 0, T + 60_000),
      quietTimeout('sidekiq-1', 0, T + 60_000),
    ];
    expect(after(...events).slice(2)).toEqual([[]]);
  });

  test.each([
    ['one that is not there', restart('sidekiq-9', T)],
    ['puma, which cannot be', restart('puma', T)],
  ])('%s: nothing', (_, event) => {
    expect(after(event)).toEqual([[]]);
  });

  test('one that is not up: nothing, since it would end by its signal', () => {
    expect(replay(plan, restart('sidekiq-1', T)).last).toEqual([]);
  });

  test('one at a time', () => {
    expect(after(restart('sidekiq-1', T), restart('sidekiq-2', T + 1), restart('sidekiq-1', T + 2)).slice(1)).toEqual([
      [],
      [],
    ]);
  });

  test('never two within ten minutes, whoever it is', () => {
    const first = [
      restart('sidekiq-1', T),
      idleSince('sidekiq-1', 0, T + 1),
      ...gone('sidekiq-1', 0, T + 2),
      ready('sidekiq-1', T + 3),
    ];
    expect(after(...first, restart('sidekiq-2', T + MIN_RESTART_INTERVAL_MS - 1)).at(-1)).toEqual([]);
    expect(after(...first, restart('sidekiq-2', T + MIN_RESTART_INTERVAL_MS)).at(-1)?.[0]).toBe('SIGTSTP sidekiq-2');
  });
});

describe('an end during a recycle', () => {
  const quiet = restart('sidekiq-1', T);

  test.each([0, 1, 'SIGKILL', 'SIGSEGV'] as const)(
    'of a quiet one (%s): what was wanted anyway; it starts again',
    (how) => {
      expect(after(quiet, ...gone('sidekiq-1', how, T + 10)).slice(1)).toEqual([
        clear('sidekiq-1', T + 10),
        back('sidekiq-1', T + 10),
      ]);
    },
  );

  test.each([0, 1, 'SIGTERM', 'SIGKILL'] as const)('of one that had its TERM (%s): it starts again', (how) => {
    expect(after(quiet, idleSince('sidekiq-1', 0, T + 9), ...gone('sidekiq-1', how, T + 10)).at(-1)).toEqual(
      back('sidekiq-1', T + 10),
    );
  });

  test('of one that was to come back: a crash of the dyno, with its code', () => {
    const events = [
      quiet,
      idleSince('sidekiq-1', 0, T + 9),
      ...gone('sidekiq-1', 0, T + 10),
      exited('sidekiq-1', 3, T + 500),
    ];
    const others = [exited('puma', 0, T + 600), exited('sidekiq-2', 0, T + 600), allReaped(T + 601)];
    expect(phaseAfter(...events)).toBe('terminating');
    expect(codeOf(plan, ...up, ...events, ...others)).toBe(3);
  });

  test.each(['puma', 'sidekiq-2'])('of %s: a crash as ever, and the one that is recycled stops too', (other) => {
    for (const state of [[quiet], [quiet, idleSince('sidekiq-1', 0, T + 9)]]) {
      const last = after(...state, exited(other, 1, T + 10)).at(-1);
      expect(last).toContain('SIGTERM sidekiq-1');
      expect(last).not.toContain(`SIGTERM ${other}`);
    }
  });

  test('not back in time: the dyno stops, and says so', () => {
    const events = [quiet, idleSince('sidekiq-1', 0, T + 9), ...gone('sidekiq-1', 0, T + 10)];
    const late = readyTimeout('sidekiq-1', T + 10, T + 10 + RESTART_TIMEOUT_MS);
    expect(phaseAfter(...events, late)).toBe('terminating');
    const ends = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 0, late.atMs + 1));
    expect(end(plan, ...up, ...events, late, ...ends, allReaped(late.atMs + 2))).toMatchObject({
      code: 1,
      reason: 'sidekiq-1 was restarted and was not ready 3 min later',
    });
  });

  test('back in time, or nobody can see it: no crash', () => {
    const events = [quiet, idleSince('sidekiq-1', 0, T + 9), ...gone('sidekiq-1', 0, T + 10)];
    const late = readyTimeout('sidekiq-1', T + 10, T + 10 + RESTART_TIMEOUT_MS);
    expect(phaseAfter(...events, ready('sidekiq-1', T + 400), late)).toBe('running');
    expect(phaseAfter(...events, readinessUnknown('sidekiq-1', T + 10), late)).toBe('running');
  });
});

describe('a stop during a recycle', () => {
  const quiet = restart('sidekiq-1', T);
  const states: [string, Event[]][] = [
    ['quiet', [quiet]],
    ['restarting', [quiet, idleSince('sidekiq-1', 0, T + 9)]],
    ['clearing', [quiet, idleSince('sidekiq-1', 0, T + 9), exited('sidekiq-1', 0, T + 10)]],
    ['returning', [quiet, idleSince('sidekiq-1', 0, T + 9), ...gone('sidekiq-1', 0, T + 10)]],
  ];

  test.each(states)('%s: TERM to all that live, and nothing is started again', (name, events) => {
    const stop = [...events, signal('SIGTERM', T + 20)];
    const living = ['puma', ...(name === 'clearing' ? [] : ['sidekiq-1']), 'sidekiq-2'];
    expect(
      after(...stop)
        .at(-1)
        ?.filter((did) => did.startsWith('SIGTERM')),
    ).toEqual(living.map((one) => `SIGTERM ${one}`));
    expect(after(...stop, ...gone('sidekiq-1', 0, T + 30)).slice(-2)).toEqual([clear('sidekiq-1', T + 20), []]);
  });

  test('what the KILL for everything has reached is named, too', () => {
    const killed: Event = {
      type: 'reaped',
      scope: 'living',
      leftovers: { ended: [], killed: ['perl (pid 7)'] },
      atMs: T + 2,
    };
    const kill = [signal('SIGINT', T), signal('SIGINT', T + 1), killed];
    const ends = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 'SIGKILL', T + 3));
    const { reason } = end(plan, ...up, ...kill, ...ends, allReaped(T + 4));
    expect(reason).toContain('puma, sidekiq-1, sidekiq-2 and perl (pid 7) had to be killed');
  });

  test('what the recycle still had to kill was killed, for the stop as well, and is named once', () => {
    const stop = [
      ...up,
      quiet,
      idleSince('sidekiq-1', 0, T + 9),
      exited('sidekiq-1', 0, T + 10),
      signal('SIGTERM', T + 20),
    ];
    const killed = reaped('sidekiq-1', T + 30, { killed: ['perl (pid 7)'] });
    const ends = ['puma', 'sidekiq-2'].map((name) => exited(name, 0, T + 40));
    const reason = 'asked to stop by SIGTERM; perl (pid 7) had to be killed';
    for (const events of [
      [killed, ...ends, allReaped(T + 50)],
      [...ends, killed, allReaped(T + 50, { ended: ['perl (pid 7)'] })],
    ])
      expect(end(plan, ...stop, ...events)).toMatchObject({ code: 137, reason });
  });

  test('every measure and every timer of a recycle while stopping: nothing, but helpers can still be ended', () => {
    const stop = signal('SIGTERM', T);
    const events = [
      restart('sidekiq-1', T),
      emergency('sidekiq-1', T),
      emergency(null, T, true),
      readinessUnknown('sidekiq-1', T),
    ];
    const timers = [idleSince, quietTimeout, stopTimeout, readyTimeout, restartDue].map((one) =>
      one('sidekiq-1', 0, T),
    );
    for (const event of [...events, ...timers, reaped('sidekiq-1', T), readyTimeout('sidekiq-1', 0, T)])
      expect(after(stop, event).at(-1)).toEqual([]);
    expect(after(stop, endProcess).at(-1)).toEqual(['end 7 kill after 2000']);
    const worker = { ...endProcess, killAfterMs: null } as Event;
    expect(after(stop, worker).at(-1)).toEqual([]);
    const sweeping = [stop, ...['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 0, T + 1))];
    expect(after(...sweeping, endProcess).at(-1)).toEqual(['end 7 kill after 2000']);
    expect(after(...sweeping, worker).at(-1)).toEqual([]);
  });
});

describe('saving the dyno', () => {
  test('a sidekiq that is up: TERM without waiting for idle, and again when it has ended', () => {
    expect(after(emergency('sidekiq-1', T), ...gone('sidekiq-1', 0, T + 10))).toEqual([
      ['SIGTERM sidekiq-1', `stop-timeout at ${T + 28_500}`],
      clear('sidekiq-1', T + 10),
      back('sidekiq-1', T + 10),
    ]);
  });

  test('a second verdict while it stops: nothing; at the last moment: KILL', () => {
    expect(
      after(
        emergency('sidekiq-1', T),
        emergency('sidekiq-1', T + 200),
        emergency('sidekiq-2', T + 400, true),
        emergency(null, T + 600, true),
      ).slice(1),
    ).toEqual([[], ['kill sidekiq-1'], []]);
    const clearing = [emergency('sidekiq-1', T), exited('sidekiq-1', 0, T + 1)];
    expect(after(...clearing, emergency(null, T + 2)).at(-1)).toEqual([]);
    expect(after(...clearing, emergency(null, T + 2, true)).at(-1)).toEqual(['kill sidekiq-1']);
  });

  test('one that is being recycled is hurried, whoever was named', () => {
    expect(after(restart('sidekiq-1', T), emergency('sidekiq-2', T + 1)).at(-1)?.[0]).toBe('SIGTERM sidekiq-1');
    expect(after(restart('sidekiq-1', T), emergency(null, T + 1, true)).at(-1)).toEqual(['kill sidekiq-1']);
  });

  test('nobody to restart, or restarted just before: the dyno stops in good order and says so', () => {
    const again = [
      emergency('sidekiq-1', T),
      ...gone('sidekiq-1', 0, T + 10),
      ready('sidekiq-1', T + 5000),
      emergency('sidekiq-1', T + 6000),
    ];
    for (const events of [[emergency(null, T)], again, [emergency('sidekiq-9', T)]])
      expect(phaseAfter(...events)).toBe('terminating');
    const ends = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 0, T + 7000));
    expect(end(plan, ...up, emergency(null, T), ...ends, allReaped(T + 7001))).toEqual({
      code: 75,
      cause: 'memory',
      reason: 'memory at 190 % of 512 MB; stopped before that',
    });
  });
});

describe('saving the dyno while a child starts', () => {
  const booting = [ready('puma', 100), ready('sidekiq-2', 100)];
  const afterBoot = (...events: Event[]): string[][] => replay(plan, ...booting, ...events).did.slice(3);

  test('a sidekiq that starts gets TERM, and starts again when it has ended', () => {
    expect(
      afterBoot(emergency('sidekiq-1', 500), ...gone('sidekiq-1', 'SIGTERM', 900), ready('sidekiq-1', 4000)),
    ).toEqual([
      ['SIGTERM sidekiq-1', `stop-timeout at ${500 + 28_500}`],
      clear('sidekiq-1', 900),
      ['spawn sidekiq-1'],
      [],
    ]);
  });

  test('a TERM that is lost in its boot: KILL when time is up, or at the last moment', () => {
    expect(afterBoot(emergency('sidekiq-1', 500), stopTimeout('sidekiq-1', 0, 29_000)).at(-1)).toEqual([
      'kill sidekiq-1',
    ]);
    expect(afterBoot(emergency('sidekiq-1', 500), emergency('sidekiq-1', 700, true)).at(-1)).toEqual([
      'kill sidekiq-1',
    ]);
  });

  test('a readiness that comes after the TERM changes nothing', () => {
    expect(afterBoot(emergency('sidekiq-1', 500), ready('sidekiq-1', 600)).at(-1)).toEqual([]);
    expect(
      afterBoot(emergency('sidekiq-1', 500), ready('sidekiq-1', 600), ...gone('sidekiq-1', 0, 900)).at(-1),
    ).toEqual(['spawn sidekiq-1']);
  });

  test.each(['stop-dyno', 'none'] as const)('restarted before, within ten minutes: %s', (lastResort) => {
    const again = [
      emergency('sidekiq-1', 500),
      ...gone('sidekiq-1', 0, 900),
      emergency('sidekiq-1', 5000, true, lastResort),
    ];
    const { state, last } = replay(plan, ...booting, ...again);
    expect(phaseOf(state)).toBe(lastResort === 'none' ? 'running' : 'terminating');
    if (lastResort === 'none') expect(last).toEqual([]);
  });

  test('no restart is possible, and none is the last resort: streaming on demand is put to rest, else nothing', () => {
    const routed = servePlan(routedPuma(), child('sidekiq'), onDemand('streaming', 900_000));
    const nothing = emergency('sidekiq-9', T, false, 'none');
    expect(replay(routed, nothing).last).toEqual([]);
    const streaming = [demandStarted('streaming', T - 5000), ready('streaming', T - 4000)];
    expect(replay(routed, ...streaming, nothing).last[0]).toBe('SIGTERM streaming');
  });
});

describe('a recycle by time', () => {
  const recycled = { ...child('sidekiq').memory.restart, everyMs: 3_600_000 } as const;
  const everyHour: ServePlan = servePlan(
    child('puma'),
    child('sidekiq', {
      memory: {
        ...child('sidekiq').memory,
        restart: { ...recycled, quietSignal: 'SIGTSTP', idleTitle: '', quietMs: 1000 },
      },
    }),
  );
  const ups = [ready('puma', 100), ready('sidekiq', 100)];

  test('is counted from each readiness', () => {
    const { did } = replay(
      everyHour,
      ...ups,
      restartDue('sidekiq', 0, T),
      idleSince('sidekiq', 0, T),
      ...gone('sidekiq', 0, T),
      ready('sidekiq', T + 50),
    );
    expect(did[2]).toEqual(['restart-due at 3600100']);
    expect(did[3]?.[0]).toBe('SIGTSTP sidekiq');
    expect(did.at(-1)).toEqual([`restart-due at ${T + 50 + 3_600_000}`]);
  });

  test('is put off while another was recycled just before, and forgotten with its incarnation', () => {
    const busy = [restart('sidekiq', T), idleSince('sidekiq', 0, T), ...gone('sidekiq', 0, T), ready('sidekiq', T)];
    expect(replay(everyHour, ...ups, ...busy, restartDue('sidekiq', 0, T + 1)).last).toEqual([]);
    expect(replay(everyHour, ...ups, ...busy, restartDue('sidekiq', T, T + 1)).last).toEqual([
      `restart-due at ${T + 1 + MIN_RESTART_INTERVAL_MS}`,
    ]);
  });
});

describe('a child that is not seen ready', () => {
  const unseen = servePlan(child('sidekiq'));

  test('counts as up after a minute, and can be recycled', () => {
    const { did } = replay(
      unseen,
      restart('sidekiq', 50_000),
      readyTimeout('sidekiq', 0, 60_000),
      restart('sidekiq', 70_000),
    );
    expect(did.map(([first]) => first)).toEqual(['spawn sidekiq', undefined, undefined, 'SIGTSTP sidekiq']);
  });

  test('is not expected to become ready after a restart: it counts as up again a minute later', () => {
    const restarted = [readyTimeout('sidekiq', 0, 60_000), emergency('sidekiq', T), ...gone('sidekiq', 0, T + 10)];
    const late = readyTimeout('sidekiq', T + 10, T + 10 + RESTART_TIMEOUT_MS);
    const { state, last } = replay(unseen, ...restarted, readyTimeout('sidekiq', T + 10, T + 60_010), late);
    expect(last).toEqual([]);
    expect([state.phase, state.children.get('sidekiq')?.process.state]).toEqual(['running', 'ready']);
  });

  test('is told to be ready when it is after all, and what waited for it starts', () => {
    const start = { afterReady: 'puma', timeoutMs: 600_000 };
    const waits = servePlan(child('puma'), child('sidekiq', { start }));
    expect(replay(waits, readyTimeout('puma', 0, 60_000), ready('puma', 90_000)).last).toEqual(['spawn sidekiq']);
  });

  test('a minute of an earlier incarnation, or of one that is up, quiet or awaited: nothing', () => {
    expect(after(readyTimeout('sidekiq-1', 0, T)).at(-1)).toEqual([]);
    expect(phaseAfter(restart('sidekiq-1', T), readyTimeout('sidekiq-1', 0, T))).toBe('running');
    const events = [
      restart('sidekiq-1', T),
      ...gone('sidekiq-1', 0, T + 10),
      readyTimeout('sidekiq-1', T + 10, T + 60_010),
    ];
    expect(phaseAfter(...events, readyTimeout('sidekiq-1', T + 10, T + 10 + RESTART_TIMEOUT_MS))).toBe('terminating');
  });
});

describe('a recycle behind the router', () => {
  const routed = servePlan(routedPuma(), child('sidekiq'), onDemand('streaming', 900_000));
  const ups = [ready('puma', 100), ready('sidekiq', 100)];
  const quiet = [...ups, restart('puma', T)];
  const QUIET_MS = 20_000;
  const facts = (...events: Event[]): string[] => replay(routed, ...events).logged.map(({ event }) => event);
  const last = (...events: Event[]): string[] => replay(routed, ...events).last;
  const isPuma = (...events: Event[]): string | undefined =>
    replay(routed, ...events).state.children.get('puma')?.process.state;

  test('no signal: the router holds what comes; TERM when nothing is in flight; started again; ready', () => {
    const events = [...quiet, idle('puma', T + 300), ...gone('puma', 'SIGTERM', T + 400), ready('puma', T + 9000)];
    expect(replay(routed, ...events).did.slice(3)).toEqual([
      [`quiet-timeout at ${T + QUIET_MS}`],
      ['SIGTERM puma', `stop-timeout at ${T + 300 + 28_500}`],
      clear('puma', T + 400),
      back('puma', T + 400),
      [],
    ]);
    expect(facts(...events).slice(2)).toEqual(['graceful-restart', 'restarting', 'exited', 'ready']);
    expect(isPuma(...events)).toBe('ready');
  });

  test('requests that do not end in time: TERM all the same; drained after that, or twice: nothing', () => {
    expect(last(...quiet, quietTimeout('puma', 0, T + QUIET_MS))[0]).toBe('SIGTERM puma');
    expect(last(...quiet, quietTimeout('puma', 0, T + QUIET_MS), idle('puma', T + QUIET_MS + 1))).toEqual([]);
    expect(last(...quiet, idle('puma', T + 1), idle('puma', T + 2))).toEqual([]);
  });

  test('drained while it is not being recycled, or back again: nothing', () => {
    const again = [...quiet, idle('puma', T + 1), ...gone('puma', 0, T + 2)];
    for (const events of [[], ups, again, [...again, ready('puma', T + 5)]])
      expect(last(...events, idle('puma', T + 9))).toEqual([]);
  });

  test('drained of another one: nothing', () => {
    expect(isPuma(...quiet, idle('streaming', T + 1))).toBe('quieting');
  });

  test('a stop while the router holds: its TERM waits as at any stop', () => {
    const stop = [...quiet, signal('SIGTERM', T + 100)];
    expect(last(...stop)).toContain(`drain-timeout at ${T + 100 + 10_000}`);
    expect(last(...stop)).not.toContain('SIGTERM puma');
    expect(last(...stop, idle('puma', T + 200))).toEqual(['SIGTERM puma']);
  });

  test('a stop when it had its TERM, or is to come back: TERM at once', () => {
    const termed = [...quiet, idle('puma', T + 1)];
    for (const events of [termed, [...termed, ...gone('puma', 0, T + 2)]])
      expect(last(...events, signal('SIGTERM', T + 100))).toContain('SIGTERM puma');
  });

  test('memory: it is restarted at once, but streaming is put to rest before that', () => {
    expect(last(...ups, emergency('puma', T))[0]).toBe('SIGTERM puma');
    const streaming = [demandStarted('streaming', T - 5000), ready('streaming', T - 4000)];
    expect(last(...ups, ...streaming, emergency('puma', T))[0]).toBe('SIGTERM streaming');
    expect(last(...ups, ...streaming, emergency('sidekiq', T))[0]).toBe('SIGTERM sidekiq');
  });
});

test('what outlived a recycled sidekiq is named in the log', () => {
  const [, ...effects] = next(
    replay(plan, ...up, restart('sidekiq-1', T), exited('sidekiq-1', 0, T + 1)).state,
    reaped('sidekiq-1', T + 2, { ended: ['convert (pid 7)'], killed: ['ffmpeg (pid 8)'] }),
    plan,
  );
  expect(effects.flatMap((effect) => (effect.type === 'log' ? [effect.event] : []))).toEqual([
    { event: 'leftover', process: 'convert (pid 7)', how: 'ended' },
    { event: 'leftover', process: 'ffmpeg (pid 8)', how: 'killed' },
  ]);
});

test('timers of an earlier incarnation mean nothing', () => {
  const events = [
    restart('sidekiq-1', T),
    idleSince('sidekiq-1', 0, T),
    ...gone('sidekiq-1', 0, T),
    ready('sidekiq-1', T),
  ];
  const later = restart('sidekiq-1', T + MIN_RESTART_INTERVAL_MS);
  for (const stale of [idleSince, quietTimeout, stopTimeout, readyTimeout]) {
    expect(after(...events, later, stale('sidekiq-1', 0, later.atMs + 1)).at(-1)).toEqual([]);
  }
});
