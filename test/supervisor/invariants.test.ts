import fc from 'fast-check';
import { expect, test } from 'vitest';
import { child, onDemand, routedPuma, servePlan } from '../fakes/plan.ts';
import { begin } from '../../src/supervisor/begin.ts';
import { next } from '../../src/supervisor/lifecycle.ts';
import type { Effect, Event, State } from '../../src/supervisor/state.ts';
import { toStatus } from './replay.ts';

const start = { afterReady: 'puma', atMostMs: 45_000 };
const plan = servePlan(
  routedPuma(),
  child('sidekiq-1', { start }),
  child('sidekiq-2', { start }),
  onDemand('streaming', 900_000),
);
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
  fc.record({ type: fc.constant('recycle' as const), child: anyChild, why: fc.constant(''), atMs: fc.constant(0) }),
  fc.record({
    type: fc.constant('save' as const),
    child: fc.constantFrom(...names, null),
    why: fc.constant(''),
    atOnce: fc.boolean(),
    lastResort: fc.constantFrom('stop-dyno' as const, 'none' as const),
    atMs: fc.constant(0),
  }),
  fc.record({
    type: fc.constantFrom(
      'idle' as const,
      'quiet-over' as const,
      'end-over' as const,
      'return-over' as const,
      'recycle-due' as const,
      'boot-over' as const,
      'idle-over' as const,
    ),
    child: anyChild,
    /** That of the living incarnation, put in when it is played. */
    startedAtMs: fc.constant(0),
    atMs: fc.constant(0),
  }),
  fc.record({
    type: fc.constantFrom(
      'unwanted' as const,
      'drained' as const,
      'pause-over' as const,
      'drain-over' as const,
      'heard-over' as const,
    ),
    child: anyChild,
    atMs: fc.constant(0),
  }),
  fc.record({
    type: fc.constant('wanted' as const),
    child: fc.constantFrom('streaming', 'puma'),
    shortage: fc.constantFrom(null, null, 'memory at 160 % of 512 MB'),
    atMs: fc.constant(0),
  }),
  fc.record({ type: fc.constant('unwatched' as const), child: anyChild, atMs: fc.constant(0) }),
  fc.record({
    type: fc.constant('cleared' as const),
    child: anyChild,
    leftovers: fc.constant({ ended: [], killed: [] }),
    atMs: fc.constant(0),
  }),
);

/** Whatever comes, in any order, at any pace: children only end after they were started. Now and then a long time passes. */
const anyPause = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 400 }) }, fc.constant(600_000));
const anyHistory = fc.array(fc.tuple(anyEvent, anyPause), { maxLength: 40 });

/** Plays a history as the world would: an event of a child that does not run cannot happen. */
class World {
  readonly living = new Map<string, number>();
  readonly spawnedWhileAlive: string[] = [];
  readonly spawnedWhileStopping: string[] = [];
  readonly spawnedUnasked: string[] = [];
  readonly signalledAfterEnd: string[] = [];
  readonly endedThoughWanted: string[] = [];
  readonly termsOfTheStop: string[] = [];
  readonly recycledAtMs: number[] = [];
  readonly causes: State[] = [];
  readonly deadlines = new Set<string>();
  sweeps = 0;
  /** Sweeps that are to come to their end at once. */
  hurries = 0;
  nowMs = 0;
  state: State;

  constructor() {
    const [state, ...effects] = begin(plan, 0);
    this.state = state;
    this.#perform(effects);
  }

  play(event: Event): void {
    if (event.type === 'child-exited' || event.type === 'child-ready') {
      if (!this.living.has(event.child)) return;
      if (event.type === 'child-exited') this.living.delete(event.child);
    }
    const now =
      'startedAtMs' in event ? { ...event, startedAtMs: this.living.get(event.child) ?? event.startedAtMs } : event;
    const before = this.state;
    const [state, ...effects] = next(before, { ...now, atMs: this.nowMs }, plan);
    this.state = state;
    this.#judgeTerms(before, event, effects);
    const isAsked = event.type === 'wanted' && event.shortage === null;
    const spawned = effects.some((effect) => effect.do === 'spawn' && effect.child === 'streaming');
    if (spawned && !isAsked) this.spawnedUnasked.push(event.type);
    if ('deadlines' in state) this.deadlines.add(JSON.stringify(state.deadlines));
    const sweeps = effects.filter((effect) => effect.do === 'sweep').length;
    if (before.phase === 'sweeping') this.hurries += sweeps;
    else this.sweeps += sweeps;
    this.#perform(effects);
  }

  #judgeTerms(before: State, { type }: Event, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.do !== 'signal' || effect.signal !== 'SIGTERM') continue;
      if (type === 'heard-over') continue; // once more
      if (this.state.phase !== 'running') this.termsOfTheStop.push(effect.child);
      else if (before.phase === 'running' && before.demands.get(effect.child)?.idleSinceMs === null) {
        if (type !== 'save' && type !== 'boot-over') this.endedThoughWanted.push(`${effect.child} by ${type}`);
      }
    }
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.do === 'spawn') this.#spawn(effect.child);
      const told = effect.do === 'signal' ? [effect.child] : effect.do === 'hand-on' ? effect.children : [];
      this.signalledAfterEnd.push(...told.filter((child) => !this.living.has(child)));
      if (effect.do === 'schedule' && effect.event.type === 'quiet-over') this.recycledAtMs.push(this.nowMs);
    }
  }

  #spawn(child: string): void {
    if (this.living.has(child)) this.spawnedWhileAlive.push(child);
    if (this.state.phase !== 'running') this.spawnedWhileStopping.push(child);
    this.living.set(child, this.nowMs);
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

test('no child is spawned while it lives or while the dyno stops, streaming only for who asks while there is memory, none is signalled after its end or ended though it is wanted, each has one TERM of the stop, the deadline never moves, and recycles lie ten minutes apart', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const world = play(history);
      expect([world.spawnedWhileAlive, world.spawnedWhileStopping, world.spawnedUnasked]).toEqual([[], [], []]);
      const apart = world.recycledAtMs.slice(1).map((atMs, index) => atMs - (world.recycledAtMs[index] ?? 0));
      expect(apart.filter((ms) => ms < 600_000)).toEqual([]);
      expect([world.signalledAfterEnd, world.endedThoughWanted]).toEqual([[], []]);
      expect(new Set(world.termsOfTheStop).size).toBe(world.termsOfTheStop.length);
      expect(world.deadlines.size).toBeLessThanOrEqual(1);
      expect(world.sweeps).toBeLessThanOrEqual(1);
      expect(world.hurries).toBeLessThanOrEqual(1);
    }),
    runs,
  );
});

test('once all children have ended, the dyno is done after the sweep, and never before', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const world = play(history);
      const budgetOver = history.some(([{ type }]) => type === 'budget-over');
      const living = [...world.living.keys()];
      if (world.state.phase === 'done') expect(budgetOver || living.length === 0).toBe(true);
      const leftovers = { ended: [], killed: [] };
      for (const child of names) world.play({ type: 'cleared', child, leftovers, atMs: 0 });
      // One that was being recycled is started again, once: its end after that is a crash.
      for (let name = [...world.living.keys()][0]; name !== undefined; name = [...world.living.keys()][0]) {
        world.play({ type: 'child-exited', child: name, status: toStatus(0), atMs: 0 });
        for (const child of names) world.play({ type: 'cleared', child, leftovers, atMs: 0 });
      }
      world.nowMs += 1000;
      world.play({ type: 'broadcast-over', atMs: 0 });
      if (world.living.size === 0) expect(['sweeping', 'done']).toContain(world.state.phase);
      world.play({ type: 'swept', leftovers: { ended: [], killed: [] }, atMs: 0 });
      expect(world.state.phase).toBe('done');
    }),
    runs,
  );
});

test('the first cause is kept; only our own TERM within a second turns a TERM-like end into an asked one', () => {
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
        expect(world.nowMs - ('deadlines' in first ? first.deadlines.stopAtMs : 0)).toBeLessThanOrEqual(1000);
        expect(world.state.cause).toEqual({ kind: 'signal', signal: 'SIGTERM' });
        first = world.state;
      }
    }),
    runs,
  );
});
