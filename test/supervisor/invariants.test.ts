import fc from 'fast-check';
import { expect, test } from 'vitest';
import { child, servePlan } from '../fakes/plan.ts';
import { begin, next } from '../../src/supervisor/lifecycle.ts';
import type { Effect, Event, State } from '../../src/supervisor/state.ts';
import { toStatus } from './replay.ts';

const start = { afterReady: 'puma', atMostMs: 45_000 };
const plan = servePlan(child('puma'), child('sidekiq-1', { start }), child('sidekiq-2', { start }));
const names = plan.children.map(({ name }) => name);

const anyChild = fc.constantFrom(...names);
const anyStatus = fc
  .constantFrom(0, 1, 3, 143, 'SIGTERM', 'SIGKILL', 'SIGSEGV' as const)
  .map((status) => toStatus(status as number | NodeJS.Signals));
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ type: fc.constant('child-ready' as const), child: anyChild, atMs: fc.constant(0) }),
  fc.record({ type: fc.constant('child-exited' as const), child: anyChild, status: anyStatus, atMs: fc.constant(0) }),
  fc.record({
    type: fc.constant('signal' as const),
    signal: fc.constantFrom('SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'),
    atMs: fc.constant(0),
  }),
  fc.record({ type: fc.constant('start-over' as const), child: anyChild, atMs: fc.constant(0) }),
  fc.record({
    type: fc.constantFrom('broadcast-over' as const, 'grace-over' as const, 'budget-over' as const),
    atMs: fc.constant(0),
  }),
);

/** Whatever comes, in any order, at any pace: children only end once, and only after they were started. */
const anyHistory = fc.array(fc.tuple(anyEvent, fc.integer({ min: 0, max: 400 })), { maxLength: 40 });

/** Plays a history as the world would: an event of a child that does not run cannot happen. */
class World {
  readonly spawned: string[] = [];
  readonly ended = new Set<string>();
  readonly signalledAfterEnd: string[] = [];
  readonly causes: State[] = [];
  readonly deadlines = new Set<string>();
  sweeps = 0;
  nowMs = 0;
  state: State;

  constructor() {
    const [state, ...effects] = begin(plan, 0);
    this.state = state;
    this.#perform(effects);
  }

  play(event: Event): void {
    if (event.type === 'child-exited' || event.type === 'child-ready') {
      if (!this.spawned.includes(event.child) || this.ended.has(event.child)) return;
      if (event.type === 'child-exited') this.ended.add(event.child);
    }
    const [state, ...effects] = next(this.state, { ...event, atMs: this.nowMs }, plan);
    this.state = state;
    if ('deadlines' in state) this.deadlines.add(JSON.stringify(state.deadlines));
    this.#perform(effects);
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.do === 'spawn') this.spawned.push(effect.child);
      if (effect.do === 'signal' && this.ended.has(effect.child)) this.signalledAfterEnd.push(effect.child);
      if (effect.do === 'sweep') this.sweeps += 1;
    }
  }
}

function play(history: readonly (readonly [Event, number])[]): World {
  const world = new World();
  for (const [event, pauseMs] of history) {
    world.nowMs += pauseMs;
    world.play(event);
  }
  return world;
}

const runs = { numRuns: 5000 };

test('no child is spawned twice, none is signalled after its end, the deadline never moves', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const world = play(history);
      expect(new Set(world.spawned).size).toBe(world.spawned.length);
      expect(world.signalledAfterEnd).toEqual([]);
      expect(world.deadlines.size).toBeLessThanOrEqual(1);
      expect(world.sweeps).toBeLessThanOrEqual(1);
    }),
    runs,
  );
});

test('once all children have ended, the dyno is done after the sweep, and never before', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const world = play(history);
      const budgetOver = history.some(([{ type }]) => type === 'budget-over');
      const living = world.spawned.filter((name) => !world.ended.has(name));
      if (world.state.phase === 'done') expect(budgetOver || living.length === 0).toBe(true);
      for (const name of living) world.play({ type: 'child-exited', child: name, status: toStatus(0), atMs: 0 });
      world.nowMs += 250;
      world.play({ type: 'broadcast-over', atMs: 0 });
      if (world.spawned.length === world.ended.size) expect(['sweeping', 'done']).toContain(world.state.phase);
      world.play({ type: 'swept', leftovers: { ended: [], killed: [] }, atMs: 0 });
      expect(world.state.phase).toBe('done');
    }),
    runs,
  );
});

test('the first cause is kept; only our own TERM within 250 ms turns a TERM-like end into an asked one', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const world = new World();
      let first: State | null = null;
      for (const [event, pauseMs] of history) {
        world.nowMs += pauseMs;
        world.play(event);
        if (!('cause' in world.state)) continue;
        first ??= world.state;
        if (JSON.stringify(world.state.cause) === JSON.stringify('cause' in first && first.cause)) continue;
        expect(event).toMatchObject({ type: 'signal', signal: 'SIGTERM' });
        expect(first).toMatchObject({ cause: { kind: 'child-exited' } });
        expect(world.nowMs - ('deadlines' in first ? first.deadlines.stopAtMs : 0)).toBeLessThanOrEqual(250);
        expect(world.state.cause).toEqual({ kind: 'signal', signal: 'SIGTERM' });
        first = world.state;
      }
    }),
    runs,
  );
});
