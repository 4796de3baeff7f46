import fc from 'fast-check';
import { expect, test } from 'vitest';
import { begin } from '../../src/supervisor/start.ts';
import type { Effect, Event, State } from '../../src/supervisor/state.ts';
import { next } from '../../src/supervisor/transitions.ts';
import { child, onDemand, routedPuma, servePlan } from '../fakes/plan.ts';
import { phaseOf, toStatus } from './replay.ts';

const start = { afterReady: 'puma', timeoutMs: 45_000 };
const plan = servePlan(
  routedPuma(),
  child('sidekiq-1', { start }),
  child('sidekiq-2', { start }),
  onDemand('streaming', 900_000),
);
const names = plan.children.map(({ name }) => name);
const leftovers = { ended: [], killed: [] };

/** All times are 0 here: playing a history fills in the time, and `startedAtMs` of the running process. */
const now = fc.constant(0);
const anyChild = fc.constantFrom(...names);
const anyStatus = fc
  .constantFrom(0, 1, 3, 143, 'SIGTERM', 'SIGKILL', 'SIGSEGV' as const)
  .map((status) => toStatus(status as number | NodeJS.Signals));
const constant = <const T>(value: T): fc.Arbitrary<T> => fc.constant(value);
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ type: constant('child-ready'), child: anyChild, atMs: now }),
  fc.record({ type: constant('readiness-unknown'), child: anyChild, atMs: now }),
  fc.record({ type: constant('child-exited'), child: anyChild, status: anyStatus, atMs: now }),
  fc.record({
    type: constant('signal'),
    signal: fc.constantFrom('SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'),
    atMs: now,
  }),
  fc.record({ type: constant('second-interrupt'), atMs: now }),
  fc.record({
    type: constant('restart'),
    mode: constant('graceful'),
    child: anyChild,
    reason: constant(''),
    atMs: now,
  }),
  fc.record({
    type: constant('restart'),
    mode: constant('emergency'),
    child: fc.constantFrom(...names, null),
    reason: constant(''),
    immediate: fc.boolean(),
    lastResort: fc.constantFrom('stop-dyno' as const, 'none' as const),
    atMs: now,
  }),
  fc.record({ type: constant('failed'), reason: constant(''), atMs: now }),
  fc.record({
    type: constant('memory-pressure'),
    reason: fc.constantFrom(null, null, 'memory 819 of 512 MB (160 %)'),
    atMs: now,
  }),
  fc.record({ type: constant('demand-started'), child: fc.constantFrom('streaming', 'puma'), atMs: now }),
  fc.record({ type: constant('demand-ended'), child: anyChild, atMs: now }),
  fc.record({ type: constant('idle'), child: anyChild, atMs: now }),
  fc.record({
    type: constant('reaped'),
    scope: fc.record({ child: anyChild }),
    leftovers: constant(leftovers),
    atMs: now,
  }),
  fc.record({
    type: constant('timeout'),
    timer: fc.constantFrom(
      'ready-timeout' as const,
      'quiet-timeout' as const,
      'stop-timeout' as const,
      'idle-timeout' as const,
      'restart-due' as const,
    ),
    child: anyChild,
    startedAtMs: now,
    atMs: now,
  }),
  fc.record({
    type: constant('timeout'),
    timer: fc.constantFrom(
      'dependency-timeout' as const,
      'backoff-expired' as const,
      'drain-timeout' as const,
      'resend-term' as const,
    ),
    child: anyChild,
    atMs: now,
  }),
  fc.record({
    type: constant('timeout'),
    timer: fc.constantFrom('broadcast-window-closed' as const, 'kill-deadline' as const, 'exit-deadline' as const),
    atMs: now,
  }),
);

/** Any events in any order, mostly in quick succession, sometimes after a long time. */
const anyPause = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 400 }) }, fc.constant(600_000));
const anyHistory = fc.array(fc.tuple(anyEvent, anyPause), { maxLength: 40 });

/** Plays a history as far as it can happen: a child that does not run neither becomes ready nor exits, and the second SIGINT comes
 * once, after the first. */
class World {
  readonly living = new Map<string, number>();
  readonly spawnedWhileAlive: string[] = [];
  readonly spawnedWhileStopping: string[] = [];
  readonly spawnedWithoutDemand: string[] = [];
  readonly signalledAfterExit: string[] = [];
  readonly stoppedDespiteDemand: string[] = [];
  readonly termsOfStop: string[] = [];
  readonly restartsAtMs: number[] = [];
  readonly deadlines = new Set<string>();
  reapings = 0;
  /** Those after a second SIGINT. */
  repeatedReapings = 0;
  nowMs = 0;
  state: State;
  #interrupts = 0;

  constructor() {
    const [state, ...effects] = begin(plan, 0);
    this.state = state;
    this.#perform(effects);
  }

  play(event: Event): void {
    if (!this.#canHappen(event)) return;
    if (event.type === 'child-exited') this.living.delete(event.child);
    const dated =
      'startedAtMs' in event ? { ...event, startedAtMs: this.living.get(event.child) ?? event.startedAtMs } : event;
    const before = this.state;
    const [state, ...effects] = next(before, { ...dated, atMs: this.nowMs }, plan);
    this.state = state;
    this.#checkTerms(before, event, effects);
    const isDenied = before.phase === 'running' && before.memoryPressure !== null;
    const spawnsStreaming = effects.some((effect) => effect.type === 'spawn' && effect.child === 'streaming');
    if (spawnsStreaming && (event.type !== 'demand-started' || isDenied)) this.spawnedWithoutDemand.push(event.type);
    if ('deadlines' in state) this.deadlines.add(JSON.stringify(state.deadlines));
    const reapings = effects.filter((effect) => effect.type === 'reap' && effect.scope === 'all').length;
    if (phaseOf(before) === 'reaping') this.repeatedReapings += reapings;
    else this.reapings += reapings;
    this.#perform(effects);
  }

  #canHappen(event: Event): boolean {
    if (event.type === 'child-exited' || event.type === 'child-ready') return this.living.has(event.child);
    const isInterrupt = event.type === 'second-interrupt' || (event.type === 'signal' && event.signal === 'SIGINT');
    if (!isInterrupt) return true;
    if (this.#interrupts !== (event.type === 'signal' ? 0 : 1)) return false;
    this.#interrupts += 1;
    return true;
  }

  #checkTerms(before: State, event: Event, effects: readonly Effect[]): void {
    const timer = event.type === 'timeout' ? event.timer : event.type;
    const isEmergency = event.type === 'restart' && event.mode === 'emergency';
    for (const effect of effects) {
      if (effect.type !== 'signal' || effect.signal !== 'SIGTERM' || timer === 'resend-term') continue;
      if (this.state.phase !== 'running') this.termsOfStop.push(effect.child);
      else if (before.phase === 'running' && before.children.get(effect.child)?.demand?.idleSinceMs === null) {
        if (!isEmergency && timer !== 'ready-timeout') this.stoppedDespiteDemand.push(`${effect.child} by ${timer}`);
      }
    }
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'spawn') this.#spawn(effect.child);
      const signalled =
        effect.type === 'signal' ? [effect.child] : effect.type === 'forward-signal' ? effect.children : [];
      this.signalledAfterExit.push(...signalled.filter((child) => !this.living.has(child)));
      if (effect.type === 'schedule' && effect.timer.timer === 'quiet-timeout') this.restartsAtMs.push(this.nowMs);
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

test('starts, signals, deadlines and restarts keep their invariants in any history', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const world = play(history);
      expect(world.spawnedWhileAlive, 'a child is not started while it lives').toEqual([]);
      expect(world.spawnedWhileStopping, 'nothing is started while the dyno stops').toEqual([]);
      expect(world.spawnedWithoutDemand, 'streaming starts only on demand, and not under memory pressure').toEqual([]);
      expect(world.signalledAfterExit, 'no child is signalled after its exit').toEqual([]);
      expect(world.stoppedDespiteDemand, 'no child is stopped while there is a demand').toEqual([]);
      expect(new Set(world.termsOfStop).size, 'a stop sends one SIGTERM to each child').toBe(world.termsOfStop.length);
      const intervals = world.restartsAtMs.slice(1).map((atMs, index) => atMs - (world.restartsAtMs[index] ?? 0));
      expect(
        intervals.filter((ms) => ms < 600_000),
        'restarts are ten minutes apart',
      ).toEqual([]);
      expect(world.deadlines.size, 'the deadlines never move').toBeLessThanOrEqual(1);
      expect([world.reapings <= 1, world.repeatedReapings <= 1]).toEqual([true, true]);
    }),
    runs,
  );
});

test('once all children have exited, the dyno is done after the reaping and not before', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const world = play(history);
      const hasExitDeadline = history.some(([event]) => event.type === 'timeout' && event.timer === 'exit-deadline');
      if (world.state.phase === 'done') expect(hasExitDeadline || world.living.size === 0).toBe(true);
      const reapEach = (): void => {
        for (const child of names) world.play({ type: 'reaped', scope: { child }, leftovers, atMs: 0 });
      };
      reapEach();
      // A child that was being restarted starts again, once: its exit after that is a crash.
      for (let name = [...world.living.keys()][0]; name !== undefined; name = [...world.living.keys()][0]) {
        world.play({ type: 'child-exited', child: name, status: toStatus(0), atMs: 0 });
        reapEach();
      }
      world.nowMs += 1000;
      world.play({ type: 'timeout', timer: 'broadcast-window-closed', atMs: 0 });
      expect(['reaping', 'done']).toContain(phaseOf(world.state));
      world.play({ type: 'reaped', scope: 'all', leftovers, atMs: 0 });
      expect(world.state.phase).toBe('done');
    }),
    runs,
  );
});

test('the first cause is kept, unless SIGTERM within a second shows that the exit was asked for', () => {
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
