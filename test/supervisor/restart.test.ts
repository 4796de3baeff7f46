import { describe, expect, test } from 'vitest';
import type { ServePlan } from '../../src/plan/spec.ts';
import { MIN_RESTART_INTERVAL_MS } from '../../src/supervisor/restart.ts';
import { next } from '../../src/supervisor/transitions.ts';
import { RESTART_TIMEOUT_MS } from '../../src/supervisor/children.ts';
import type { Event } from '../../src/supervisor/state.ts';
import { child, onDemand, routedPuma, servePlan } from '../fakes/plan.ts';
import {
  allReaped,
  codeOf,
  demandStarted,
  emergency,
  exited,
  idle,
  idleSince,
  outcomeOf,
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
const allReady = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => ready(name, 100));
const T = 1_000_000;

const endProcess: Event = {
  type: 'end-process',
  id: { pid: 7, started: '1' },
  name: 'convert',
  killAfterMs: 2000,
  reason: '',
  atMs: T,
};

/** The effects of each event after all children are ready. */
function effectsAfter(...events: Event[]): string[][] {
  return replay(plan, ...allReady, ...events).effects.slice(1 + allReady.length);
}
function phaseAfter(...events: Event[]): string {
  return replay(plan, ...allReady, ...events).phase;
}
const QUIET_EFFECTS = ['SIGTSTP sidekiq-1', 'watch-idle sidekiq-1', `quiet-timeout at ${T + 60_000}`];
const reapEffects = (name: string, atMs: number): string[] => [`reap ${name} until ${atMs + 28_500}`];
const respawnEffects = (name: string, atMs: number): string[] => [
  `spawn ${name}`,
  `ready-timeout at ${atMs + RESTART_TIMEOUT_MS}`,
];

/** The child exits, and its leftovers are gone at the same time. */
function exitedAndReaped(name: string, status: number | NodeJS.Signals, atMs: number): Event[] {
  return [exited(name, status, atMs), reaped(name, atMs)];
}

describe('a graceful restart', () => {
  test('quiet, SIGTERM when idle, start after the exit, ready', () => {
    const events = [
      restart('sidekiq-1', T),
      idleSince('sidekiq-1', 0, T + 5000),
      ...exitedAndReaped('sidekiq-1', 0, T + 6000),
      ready('sidekiq-1', T + 9000),
    ];
    expect(effectsAfter(...events)).toEqual([
      QUIET_EFFECTS,
      ['SIGTERM sidekiq-1', `stop-timeout at ${T + 5000 + 28_500}`],
      reapEffects('sidekiq-1', T + 6000),
      respawnEffects('sidekiq-1', T + 6000),
      [],
    ]);
    expect(phaseAfter(...events)).toBe('running');
  });

  test('not idle in time: SIGTERM anyway (it pushes its jobs back), and SIGKILL if it does not exit', () => {
    const events = [
      restart('sidekiq-1', T),
      quietTimeout('sidekiq-1', 0, T + 60_000),
      stopTimeout('sidekiq-1', 0, T + 88_500),
      ...exitedAndReaped('sidekiq-1', 'SIGKILL', T + 88_501),
    ];
    expect(effectsAfter(...events).slice(1)).toEqual([
      ['SIGTERM sidekiq-1', `stop-timeout at ${T + 88_500}`],
      ['kill sidekiq-1'],
      reapEffects('sidekiq-1', T + 88_501),
      respawnEffects('sidekiq-1', T + 88_501),
    ]);
  });

  test('idle and the quiet timeout at the same time: one SIGTERM', () => {
    const events = [
      restart('sidekiq-1', T),
      idleSince('sidekiq-1', 0, T + 60_000),
      quietTimeout('sidekiq-1', 0, T + 60_000),
    ];
    expect(effectsAfter(...events).slice(2)).toEqual([[]]);
  });

  test.each([
    ['an unknown child', restart('sidekiq-9', T)],
    ['puma, which cannot be restarted', restart('puma', T)],
  ])('%s is ignored', (_, event) => {
    expect(effectsAfter(event)).toEqual([[]]);
  });

  test('a starting child is left alone, since the quiet signal would end it', () => {
    expect(replay(plan, restart('sidekiq-1', T)).last).toEqual([]);
  });

  test('only one restart at a time', () => {
    expect(
      effectsAfter(restart('sidekiq-1', T), restart('sidekiq-2', T + 1), restart('sidekiq-1', T + 2)).slice(1),
    ).toEqual([[], []]);
  });

  test('never two restarts within ten minutes, of whatever children', () => {
    const first = [
      restart('sidekiq-1', T),
      idleSince('sidekiq-1', 0, T + 1),
      ...exitedAndReaped('sidekiq-1', 0, T + 2),
      ready('sidekiq-1', T + 3),
    ];
    expect(effectsAfter(...first, restart('sidekiq-2', T + MIN_RESTART_INTERVAL_MS - 1)).at(-1)).toEqual([]);
    expect(effectsAfter(...first, restart('sidekiq-2', T + MIN_RESTART_INTERVAL_MS)).at(-1)?.[0]).toBe(
      'SIGTSTP sidekiq-2',
    );
  });
});

describe('an exit during a graceful restart', () => {
  const quiet = restart('sidekiq-1', T);

  test('of the quieting child, with any status: it starts again', () => {
    for (const status of [0, 1, 'SIGKILL', 'SIGSEGV'] as const) {
      const effects = effectsAfter(quiet, ...exitedAndReaped('sidekiq-1', status, T + 10)).slice(1);
      const expected = [reapEffects('sidekiq-1', T + 10), respawnEffects('sidekiq-1', T + 10)];
      expect(effects, `status ${status}`).toEqual(expected);
    }
  });

  test('of the child after its SIGTERM, with any status: it starts again', () => {
    for (const status of [0, 1, 'SIGTERM', 'SIGKILL'] as const) {
      const events = [idleSince('sidekiq-1', 0, T + 9), ...exitedAndReaped('sidekiq-1', status, T + 10)];
      expect(effectsAfter(quiet, ...events).at(-1), `status ${status}`).toEqual(respawnEffects('sidekiq-1', T + 10));
    }
  });

  test('of the restarted child before it is ready: a crash of the dyno, with its exit code', () => {
    const events = [
      quiet,
      idleSince('sidekiq-1', 0, T + 9),
      ...exitedAndReaped('sidekiq-1', 0, T + 10),
      exited('sidekiq-1', 3, T + 500),
    ];
    const others = [exited('puma', 0, T + 600), exited('sidekiq-2', 0, T + 600), allReaped(T + 601)];
    expect(phaseAfter(...events)).toBe('terminating');
    expect(codeOf(plan, ...allReady, ...events, ...others)).toBe(3);
  });

  test('of another child: a crash as usual, and the restarting child stops too', () => {
    for (const other of ['puma', 'sidekiq-2']) {
      for (const events of [[quiet], [quiet, idleSince('sidekiq-1', 0, T + 9)]]) {
        const last = effectsAfter(...events, exited(other, 1, T + 10)).at(-1);
        expect(last, `exit of ${other}`).toContain('SIGTERM sidekiq-1');
        expect(last).not.toContain(`SIGTERM ${other}`);
      }
    }
  });

  test('not ready in time: the dyno stops for that reason', () => {
    const events = [quiet, idleSince('sidekiq-1', 0, T + 9), ...exitedAndReaped('sidekiq-1', 0, T + 10)];
    const late = readyTimeout('sidekiq-1', T + 10, T + 10 + RESTART_TIMEOUT_MS);
    expect(phaseAfter(...events, late)).toBe('terminating');
    const ends = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 0, late.atMs + 1));
    expect(outcomeOf(plan, ...allReady, ...events, late, ...ends, allReaped(late.atMs + 2))).toMatchObject({
      code: 1,
      reason: 'sidekiq-1 was restarted and was not ready 3 min later',
    });
  });

  test('ready in time, or readiness unknown: no crash', () => {
    const events = [quiet, idleSince('sidekiq-1', 0, T + 9), ...exitedAndReaped('sidekiq-1', 0, T + 10)];
    const late = readyTimeout('sidekiq-1', T + 10, T + 10 + RESTART_TIMEOUT_MS);
    expect(phaseAfter(...events, ready('sidekiq-1', T + 400), late)).toBe('running');
    expect(phaseAfter(...events, readinessUnknown('sidekiq-1', T + 10), late)).toBe('running');
  });
});

describe('a stop during a graceful restart', () => {
  const quiet = restart('sidekiq-1', T);
  const states: [string, Event[]][] = [
    ['quieting', [quiet]],
    ['stopping', [quiet, idleSince('sidekiq-1', 0, T + 9)]],
    ['cleaning up', [quiet, idleSince('sidekiq-1', 0, T + 9), exited('sidekiq-1', 0, T + 10)]],
    ['starting again', [quiet, idleSince('sidekiq-1', 0, T + 9), ...exitedAndReaped('sidekiq-1', 0, T + 10)]],
  ];

  test.each(states)('%s: SIGTERM to every running child, and no child starts again', (state, events) => {
    const stop = [...events, signal('SIGTERM', T + 20)];
    const living = ['puma', ...(state === 'cleaning up' ? [] : ['sidekiq-1']), 'sidekiq-2'];
    expect(
      effectsAfter(...stop)
        .at(-1)
        ?.filter((effect) => effect.startsWith('SIGTERM')),
    ).toEqual(living.map((name) => `SIGTERM ${name}`));
    expect(effectsAfter(...stop, ...exitedAndReaped('sidekiq-1', 0, T + 30)).slice(-2)).toEqual([
      reapEffects('sidekiq-1', T + 20),
      [],
    ]);
  });

  test('other processes that SIGKILL to everything reached are named as well', () => {
    const killed: Event = {
      type: 'reaped',
      scope: 'living',
      leftovers: { ended: [], killed: ['perl (pid 7)'] },
      atMs: T + 2,
    };
    const kill = [signal('SIGINT', T), signal('SIGINT', T + 1), killed];
    const ends = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 'SIGKILL', T + 3));
    const { reason } = outcomeOf(plan, ...allReady, ...kill, ...ends, allReaped(T + 4));
    expect(reason).toContain('puma, sidekiq-1, sidekiq-2 and perl (pid 7) had to be killed');
  });

  test('a leftover that the restart had to kill counts for the stop, and is named once', () => {
    const stop = [
      ...allReady,
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
      expect(outcomeOf(plan, ...stop, ...events)).toMatchObject({ code: 137, reason });
  });

  test('while stopping, restart commands and timers are ignored, but helpers can still be ended', () => {
    const stop = signal('SIGTERM', T);
    const events = [
      restart('sidekiq-1', T),
      emergency('sidekiq-1', T),
      emergency(null, T, true),
      readinessUnknown('sidekiq-1', T),
    ];
    const timers = [idleSince, quietTimeout, stopTimeout, readyTimeout, restartDue].map((timer) =>
      timer('sidekiq-1', 0, T),
    );
    for (const event of [...events, ...timers, reaped('sidekiq-1', T), readyTimeout('sidekiq-1', 0, T)])
      expect(effectsAfter(stop, event).at(-1)).toEqual([]);
    expect(effectsAfter(stop, endProcess).at(-1)).toEqual(['end 7 kill after 2000']);
    const endWorker = { ...endProcess, killAfterMs: null } as Event;
    expect(effectsAfter(stop, endWorker).at(-1)).toEqual([]);
    const reaping = [stop, ...['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 0, T + 1))];
    expect(effectsAfter(...reaping, endProcess).at(-1)).toEqual(['end 7 kill after 2000']);
    expect(effectsAfter(...reaping, endWorker).at(-1)).toEqual([]);
  });
});

describe('an emergency restart', () => {
  test('a ready sidekiq: SIGTERM without waiting for idle, and a start after its exit', () => {
    expect(effectsAfter(emergency('sidekiq-1', T), ...exitedAndReaped('sidekiq-1', 0, T + 10))).toEqual([
      ['SIGTERM sidekiq-1', `stop-timeout at ${T + 28_500}`],
      reapEffects('sidekiq-1', T + 10),
      respawnEffects('sidekiq-1', T + 10),
    ]);
  });

  test('a second request while the child stops is ignored; an immediate one sends SIGKILL', () => {
    expect(
      effectsAfter(
        emergency('sidekiq-1', T),
        emergency('sidekiq-1', T + 200),
        emergency('sidekiq-2', T + 400, true),
        emergency(null, T + 600, true),
      ).slice(1),
    ).toEqual([[], ['kill sidekiq-1'], []]);
    const cleaningUp = [emergency('sidekiq-1', T), exited('sidekiq-1', 0, T + 1)];
    expect(effectsAfter(...cleaningUp, emergency(null, T + 2)).at(-1)).toEqual([]);
    expect(effectsAfter(...cleaningUp, emergency(null, T + 2, true)).at(-1)).toEqual(['kill sidekiq-1']);
  });

  test('what a child left behind is killed and logged once, however many readings are too high', () => {
    const events = [emergency('sidekiq-1', T), exited('sidekiq-1', 0, T + 1)];
    const readings = [2, 202, 402].map((ms) => emergency(null, T + ms, true));
    const { effects, logged } = replay(plan, ...allReady, ...events, ...readings);
    expect(effects.slice(-3)).toEqual([['kill sidekiq-1'], [], []]);
    expect(logged.filter((event) => event.event === 'emergency-restart' && event.killed)).toHaveLength(1);
  });

  test('a graceful restart under way is hurried, whichever child was named', () => {
    expect(effectsAfter(restart('sidekiq-1', T), emergency('sidekiq-2', T + 1)).at(-1)?.[0]).toBe('SIGTERM sidekiq-1');
    expect(effectsAfter(restart('sidekiq-1', T), emergency(null, T + 1, true)).at(-1)).toEqual(['kill sidekiq-1']);
  });

  test('without a child to restart, or right after a restart, the dyno stops gracefully', () => {
    const again = [
      emergency('sidekiq-1', T),
      ...exitedAndReaped('sidekiq-1', 0, T + 10),
      ready('sidekiq-1', T + 5000),
      emergency('sidekiq-1', T + 6000),
    ];
    for (const events of [[emergency(null, T)], again, [emergency('sidekiq-9', T)]])
      expect(phaseAfter(...events)).toBe('terminating');
    const ends = ['puma', 'sidekiq-1', 'sidekiq-2'].map((name) => exited(name, 0, T + 7000));
    expect(outcomeOf(plan, ...allReady, emergency(null, T), ...ends, allReaped(T + 7001))).toEqual({
      code: 75,
      cause: 'memory',
      reason: 'memory 973 of 512 MB (190 %); the dyno was stopped before that',
    });
  });
});

describe('an emergency restart while a child starts', () => {
  const booting = [ready('puma', 100), ready('sidekiq-2', 100)];
  const afterBoot = (...events: Event[]): string[][] => replay(plan, ...booting, ...events).effects.slice(3);

  test('a starting sidekiq gets SIGTERM, and starts again after its exit', () => {
    expect(
      afterBoot(emergency('sidekiq-1', 500), ...exitedAndReaped('sidekiq-1', 'SIGTERM', 900), ready('sidekiq-1', 4000)),
    ).toEqual([
      ['SIGTERM sidekiq-1', `stop-timeout at ${500 + 28_500}`],
      reapEffects('sidekiq-1', 900),
      ['spawn sidekiq-1'],
      [],
    ]);
  });

  test('a SIGTERM lost during the boot: SIGKILL at the stop timeout or an immediate request', () => {
    expect(afterBoot(emergency('sidekiq-1', 500), stopTimeout('sidekiq-1', 0, 29_000)).at(-1)).toEqual([
      'kill sidekiq-1',
    ]);
    expect(afterBoot(emergency('sidekiq-1', 500), emergency('sidekiq-1', 700, true)).at(-1)).toEqual([
      'kill sidekiq-1',
    ]);
  });

  test('becoming ready after SIGTERM changes nothing', () => {
    expect(afterBoot(emergency('sidekiq-1', 500), ready('sidekiq-1', 600)).at(-1)).toEqual([]);
    expect(
      afterBoot(emergency('sidekiq-1', 500), ready('sidekiq-1', 600), ...exitedAndReaped('sidekiq-1', 0, 900)).at(-1),
    ).toEqual(['spawn sidekiq-1']);
  });

  test.each(['stop-dyno', 'none'] as const)(
    'within ten minutes of a restart, the last resort applies: %s',
    (lastResort) => {
      const again = [
        emergency('sidekiq-1', 500),
        ...exitedAndReaped('sidekiq-1', 0, 900),
        emergency('sidekiq-1', 5000, true, lastResort),
      ];
      const { state, last } = replay(plan, ...booting, ...again);
      expect(phaseOf(state)).toBe(lastResort === 'none' ? 'running' : 'terminating');
      if (lastResort === 'none') expect(last).toEqual([]);
    },
  );

  test('no restart possible and last resort none: on-demand streaming is stopped, else nothing', () => {
    const routed = servePlan(routedPuma(), child('sidekiq'), onDemand('streaming', 900_000));
    const nothing = emergency('sidekiq-9', T, false, 'none');
    expect(replay(routed, nothing).last).toEqual([]);
    const streaming = [demandStarted('streaming', T - 5000), ready('streaming', T - 4000)];
    expect(replay(routed, ...streaming, nothing).last[0]).toBe('SIGTERM streaming');
  });
});

describe('a periodic restart', () => {
  const restartSpec = { ...child('sidekiq').memory.restart, everyMs: 3_600_000 } as const;
  const everyHour: ServePlan = servePlan(
    child('puma'),
    child('sidekiq', {
      memory: {
        ...child('sidekiq').memory,
        restart: { ...restartSpec, quietSignal: 'SIGTSTP', idleTitle: '', quietMs: 1000 },
      },
    }),
  );
  const allReady = [ready('puma', 100), ready('sidekiq', 100)];

  test('is scheduled from each time the child becomes ready', () => {
    const { effects } = replay(
      everyHour,
      ...allReady,
      restartDue('sidekiq', 0, T),
      idleSince('sidekiq', 0, T),
      ...exitedAndReaped('sidekiq', 0, T),
      ready('sidekiq', T + 50),
    );
    expect(effects[2]).toEqual(['restart-due at 3600100']);
    expect(effects[3]?.[0]).toBe('SIGTSTP sidekiq');
    expect(effects.at(-1)).toEqual([`restart-due at ${T + 50 + 3_600_000}`]);
  });

  test('is postponed after another restart, and dropped with its incarnation', () => {
    const busy = [
      restart('sidekiq', T),
      idleSince('sidekiq', 0, T),
      ...exitedAndReaped('sidekiq', 0, T),
      ready('sidekiq', T),
    ];
    expect(replay(everyHour, ...allReady, ...busy, restartDue('sidekiq', 0, T + 1)).last).toEqual([]);
    expect(replay(everyHour, ...allReady, ...busy, restartDue('sidekiq', T, T + 1)).last).toEqual([
      `restart-due at ${T + 1 + MIN_RESTART_INTERVAL_MS}`,
    ]);
  });
});

describe('a child whose readiness is not observed', () => {
  const unobserved = servePlan(child('sidekiq'));

  test('is assumed ready after a minute, and can be restarted', () => {
    const { effects } = replay(
      unobserved,
      restart('sidekiq', 50_000),
      readyTimeout('sidekiq', 0, 60_000),
      restart('sidekiq', 70_000),
    );
    expect(effects.map(([first]) => first)).toEqual(['spawn sidekiq', undefined, undefined, 'SIGTSTP sidekiq']);
  });

  test('is assumed ready again a minute after a restart', () => {
    const restarted = [
      readyTimeout('sidekiq', 0, 60_000),
      emergency('sidekiq', T),
      ...exitedAndReaped('sidekiq', 0, T + 10),
    ];
    const late = readyTimeout('sidekiq', T + 10, T + 10 + RESTART_TIMEOUT_MS);
    const { state, last } = replay(unobserved, ...restarted, readyTimeout('sidekiq', T + 10, T + 60_010), late);
    expect(last).toEqual([]);
    expect([state.phase, state.children.get('sidekiq')?.process.state]).toEqual(['running', 'ready']);
  });

  test('becomes ready after all: the child that waited for it starts', () => {
    const start = { afterReady: 'puma', timeoutMs: 600_000 };
    const dependent = servePlan(child('puma'), child('sidekiq', { start }));
    expect(replay(dependent, readyTimeout('puma', 0, 60_000), ready('puma', 90_000)).last).toEqual(['spawn sidekiq']);
  });

  test('a ready timeout of an earlier incarnation or of a ready or quieting child is ignored', () => {
    expect(effectsAfter(readyTimeout('sidekiq-1', 0, T)).at(-1)).toEqual([]);
    expect(phaseAfter(restart('sidekiq-1', T), readyTimeout('sidekiq-1', 0, T))).toBe('running');
    const events = [
      restart('sidekiq-1', T),
      ...exitedAndReaped('sidekiq-1', 0, T + 10),
      readyTimeout('sidekiq-1', T + 10, T + 60_010),
    ];
    expect(phaseAfter(...events, readyTimeout('sidekiq-1', T + 10, T + 10 + RESTART_TIMEOUT_MS))).toBe('terminating');
  });
});

describe('a graceful restart behind the router', () => {
  const routed = servePlan(routedPuma(), child('sidekiq'), onDemand('streaming', 900_000));
  const allReady = [ready('puma', 100), ready('sidekiq', 100)];
  const quieting = [...allReady, restart('puma', T)];
  const QUIET_MS = 20_000;
  const logged = (...events: Event[]): string[] => replay(routed, ...events).logged.map(({ event }) => event);
  const last = (...events: Event[]): string[] => replay(routed, ...events).last;
  const pumaState = (...events: Event[]): string | undefined =>
    replay(routed, ...events).state.children.get('puma')?.process.state;

  test('no quiet signal: the router holds requests; SIGTERM when it reports idle; started again', () => {
    const events = [
      ...quieting,
      idle('puma', T + 300),
      ...exitedAndReaped('puma', 'SIGTERM', T + 400),
      ready('puma', T + 9000),
    ];
    expect(replay(routed, ...events).effects.slice(3)).toEqual([
      [`quiet-timeout at ${T + QUIET_MS}`],
      ['SIGTERM puma', `stop-timeout at ${T + 300 + 28_500}`],
      reapEffects('puma', T + 400),
      respawnEffects('puma', T + 400),
      [],
    ]);
    expect(logged(...events).slice(2)).toEqual(['graceful-restart', 'restarting', 'exited', 'ready']);
    expect(pumaState(...events)).toBe('ready');
  });

  test('requests that take too long: SIGTERM anyway; a late or second idle is ignored', () => {
    expect(last(...quieting, quietTimeout('puma', 0, T + QUIET_MS))[0]).toBe('SIGTERM puma');
    expect(last(...quieting, quietTimeout('puma', 0, T + QUIET_MS), idle('puma', T + QUIET_MS + 1))).toEqual([]);
    expect(last(...quieting, idle('puma', T + 1), idle('puma', T + 2))).toEqual([]);
  });

  test('idle is ignored unless the child is quieting', () => {
    const again = [...quieting, idle('puma', T + 1), ...exitedAndReaped('puma', 0, T + 2)];
    for (const events of [[], allReady, again, [...again, ready('puma', T + 5)]])
      expect(last(...events, idle('puma', T + 9))).toEqual([]);
  });

  test('idle of another child is ignored', () => {
    expect(pumaState(...quieting, idle('streaming', T + 1))).toBe('quieting');
  });

  test('a stop while the router holds requests: SIGTERM waits for the drain as usual', () => {
    const stop = [...quieting, signal('SIGTERM', T + 100)];
    expect(last(...stop)).toContain(`drain-timeout at ${T + 100 + 10_000}`);
    expect(last(...stop)).not.toContain('SIGTERM puma');
    expect(last(...stop, idle('puma', T + 200))).toEqual(['SIGTERM puma']);
  });

  test('a stop after its SIGTERM, or while it starts again: SIGTERM at once', () => {
    const terminated = [...quieting, idle('puma', T + 1)];
    for (const events of [terminated, [...terminated, ...exitedAndReaped('puma', 0, T + 2)]])
      expect(last(...events, signal('SIGTERM', T + 100))).toContain('SIGTERM puma');
  });

  test('an emergency restart of puma stops on-demand streaming first', () => {
    expect(last(...allReady, emergency('puma', T))[0]).toBe('SIGTERM puma');
    const streaming = [demandStarted('streaming', T - 5000), ready('streaming', T - 4000)];
    expect(last(...allReady, ...streaming, emergency('puma', T))[0]).toBe('SIGTERM streaming');
    expect(last(...allReady, ...streaming, emergency('sidekiq', T))[0]).toBe('SIGTERM sidekiq');
  });
});

test('leftovers of a restarted sidekiq are logged by name', () => {
  const [, ...effects] = next(
    replay(plan, ...allReady, restart('sidekiq-1', T), exited('sidekiq-1', 0, T + 1)).state,
    reaped('sidekiq-1', T + 2, { ended: ['convert (pid 7)'], killed: ['ffmpeg (pid 8)'] }),
    plan,
  );
  expect(effects.flatMap((effect) => (effect.type === 'log' ? [effect.event] : []))).toEqual([
    { event: 'leftover', process: 'convert (pid 7)', how: 'ended' },
    { event: 'leftover', process: 'ffmpeg (pid 8)', how: 'killed' },
  ]);
});

test('timers of an earlier incarnation are ignored', () => {
  const events = [
    restart('sidekiq-1', T),
    idleSince('sidekiq-1', 0, T),
    ...exitedAndReaped('sidekiq-1', 0, T),
    ready('sidekiq-1', T),
  ];
  const later = restart('sidekiq-1', T + MIN_RESTART_INTERVAL_MS);
  for (const stale of [idleSince, quietTimeout, stopTimeout, readyTimeout]) {
    expect(effectsAfter(...events, later, stale('sidekiq-1', 0, later.atMs + 1)).at(-1)).toEqual([]);
  }
});
