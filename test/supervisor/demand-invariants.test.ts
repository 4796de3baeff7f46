import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ExitStatus } from '../../src/exit-status.ts';
import { begin } from '../../src/supervisor/start.ts';
import type { Effect, Event, State } from '../../src/supervisor/state.ts';
import { next } from '../../src/supervisor/transitions.ts';
import { child, onDemand, routedPuma, servePlan } from '../fakes/plan.ts';
import { demandEnded, demandStarted, emergency, idle, phaseOf, pressure, restart, toStatus } from './replay.ts';

const IDLE_MS = 100_000;
const DRAIN_MS = 10_000;
const plan = servePlan(routedPuma({ drainMs: DRAIN_MS }), child('sidekiq'), onDemand('streaming', IDLE_MS));
const { killAfterMs, exitAfterMs } = plan.stop;

/** How a process behaves from its start on, in milliseconds; null: never. */
type Behavior = {
  readyAfterMs: number | null;
  exitsAfterTermMs: number | null;
  crash: { afterMs: number; status: ExitStatus } | null;
  reapedAfterMs: number;
};
const within = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const anyBehavior: fc.Arbitrary<Behavior> = fc.record({
  readyAfterMs: fc.oneof({ weight: 8, arbitrary: within(5000) }, fc.constant(null)),
  exitsAfterTermMs: fc.oneof({ weight: 5, arbitrary: within(200) }, within(40_000), fc.constant(null)),
  crash: fc.option(
    fc.record({
      afterMs: fc.oneof(within(4000), within(300_000)),
      status: fc.constantFrom(...([0, 1, 143, 'SIGKILL', 'SIGTERM'] as const).map(toStatus)),
    }),
  ),
  reapedAfterMs: fc.oneof({ weight: 5, arbitrary: within(50) }, within(29_000)),
});

const anyAction: fc.Arbitrary<readonly Event[]> = fc.oneof(
  { weight: 6, arbitrary: fc.constant([pressure(0, null), demandStarted('streaming', 0)]) },
  fc.constant([pressure(0), demandStarted('streaming', 0)]),
  { weight: 5, arbitrary: fc.constant([demandEnded('streaming', 0)]) },
  fc.constantFrom(
    [emergency(null, 0)],
    [emergency(null, 0, true, 'none')],
    [emergency('sidekiq', 0, true)],
    [idle('puma', 0)],
    [restart('puma', 0)],
    [restart('sidekiq', 0)],
    [],
  ),
);
const anyPause = fc.oneof(within(50), within(3000), within(2 * IDLE_MS));
const anyScenario = fc.record({
  /** Of streaming, one for each start. Puma and sidekiq are steady. */
  behaviors: fc.array(anyBehavior, { minLength: 1, maxLength: 8 }),
  actions: fc.array(fc.tuple(anyPause, anyAction), { maxLength: 25 }),
  pumaExitsAfterTermMs: fc.constantFrom(100, 20_000, null),
});
type Scenario = typeof anyScenario extends fc.Arbitrary<infer S> ? S : never;

const steady: Behavior = { readyAfterMs: 500, exitsAfterTermMs: 100, crash: null, reapedAfterMs: 10 };
const leftovers = { ended: [], killed: [] };

/** A machine on which each effect has its consequences in time, checked after each event. */
class SimulatedMachine {
  nowMs = 0;
  state: State;
  readonly #scenario: Scenario;
  /** process: the process that becomes ready or exits; null for any other event. */
  readonly #scheduled: { event: Event; process: Behavior | null }[] = [];
  readonly #living = new Map<string, Behavior>();
  readonly #withoutTerm = new Set<string>();
  #starts = 0;
  #stoppedAtMs: number | null = null;
  #termAtMs = 0;
  /** A client waits for streaming: the router requests it again when it is startable. */
  #hasDemand = false;
  #event: Event | null = null;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    const [state, ...effects] = begin(plan, 0);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  /** Advances the clock; posts the events that are due, in order. */
  advance(ms: number): void {
    const end = this.nowMs + ms;
    while (this.state.phase !== 'done') {
      const [due] = this.#scheduled
        .filter(({ event }) => event.atMs <= end)
        .sort((first, second) => first.event.atMs - second.event.atMs);
      if (due === undefined) break;
      this.#scheduled.splice(this.#scheduled.indexOf(due), 1);
      this.nowMs = Math.max(this.nowMs, due.event.atMs);
      if (due.process === null || [...this.#living.values()].includes(due.process)) this.post(due.event);
    }
    this.nowMs = end;
  }

  post(event: Event): void {
    if (this.state.phase === 'done') return;
    if (event.type === 'child-exited') {
      this.#living.delete(event.child);
      this.#withoutTerm.delete(event.child);
    }
    this.#event = event;
    const before = this.state;
    const isDenied = before.phase === 'running' && before.memoryPressure !== null;
    if (event.type === 'demand-started') this.#hasDemand = !isDenied;
    if (event.type === 'demand-ended') this.#hasDemand = false;
    const [state, ...effects] = next(before, { ...event, atMs: this.nowMs }, plan);
    this.state = state;
    if (before.phase === 'running' && state.phase !== 'running') {
      this.#stoppedAtMs = this.nowMs;
      for (const name of this.#living.keys()) this.#withoutTerm.add(name);
    }
    for (const effect of effects) this.#perform(effect);
    this.#check();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        return this.#spawn(effect.child);
      case 'schedule':
        return this.#schedule({ type: 'timeout', ...effect.timer });
      case 'signal':
        if (effect.signal === 'SIGTERM') this.#terminate(effect.child);
        return;
      case 'kill':
        for (const name of effect.scope === 'all' ? this.#living.keys() : [effect.scope.child]) {
          this.#exits(name, 5, toStatus('SIGKILL'));
        }
        return;
      case 'reap':
        return this.#reap(effect.scope, effect.killAtMs);
      case 'publish':
        if (effect.event.type === 'startable') this.#requestAgain();
        return;
      case 'scan':
      case 'forward-signal':
      case 'watch-idle':
      case 'end-process':
      case 'log':
    }
  }

  #reap(scope: Extract<Effect, { type: 'reap' }>['scope'], killAtMs: number): void {
    const { behaviors } = this.#scenario;
    const { reapedAfterMs } = behaviors[this.#starts % behaviors.length] ?? steady;
    const atMs = scope === 'all' ? this.nowMs + 10 : Math.min(this.nowMs + reapedAfterMs, killAtMs + 700);
    this.#schedule({ type: 'reaped', scope, leftovers, atMs });
  }

  /** The router requests streaming again; every third time there is memory pressure. */
  #requestAgain(): void {
    if (!this.#hasDemand) return;
    this.#schedule(pressure(this.nowMs, this.#starts % 3 === 2 ? 'memory 819 of 512 MB (160 %)' : null));
    this.#schedule(demandStarted('streaming', this.nowMs));
  }

  #spawn(name: string): void {
    expect([this.state.phase, this.#living.has(name)]).toEqual(['running', false]);
    if (name === 'streaming') expect([this.#event?.type, this.#hasDemand]).toEqual(['demand-started', true]);
    const { behaviors, pumaExitsAfterTermMs } = this.#scenario;
    const process = { ...steady, ...(name === 'streaming' ? behaviors[this.#starts % behaviors.length] : {}) };
    if (name === 'streaming') this.#starts += 1;
    if (name === 'puma') process.exitsAfterTermMs = pumaExitsAfterTermMs;
    this.#living.set(name, process);
    const { readyAfterMs, crash } = process;
    if (readyAfterMs !== null) {
      this.#schedule({ type: 'child-ready', child: name, atMs: this.nowMs + readyAfterMs }, process);
    }
    if (crash) this.#exits(name, crash.afterMs, crash.status);
  }

  #terminate(name: string): void {
    this.#withoutTerm.delete(name);
    if (name === 'streaming') this.#termAtMs = this.nowMs;
    const afterMs = this.#living.get(name)?.exitsAfterTermMs;
    if (afterMs != null) this.#exits(name, afterMs, toStatus(0));
  }

  #exits(name: string, afterMs: number, status: ExitStatus): void {
    const process = this.#living.get(name) ?? null;
    if (process === null) return;
    this.#schedule({ type: 'child-exited', child: name, status, atMs: this.nowMs + afterMs }, process);
  }

  #schedule(event: Event, process: Behavior | null = null): void {
    this.#scheduled.push({ event, process });
  }

  #check(): void {
    const { state, nowMs } = this;
    if (state.phase !== 'running') return this.#checkStop(nowMs - (this.#stoppedAtMs ?? nowMs));
    const streaming = state.children.get('streaming');
    const demand = streaming?.demand ?? null;
    if (streaming === undefined || demand === null) throw new Error('streaming does not run on demand');
    const { process } = streaming;
    const isLiving = ['starting', 'ready', 'stopping', 'killing'].includes(process.state);
    expect(this.#living.has('streaming')).toBe(isLiving);
    if (process.state === 'stopped' && demand.idleSinceMs === null) {
      expect(nowMs).toBeLessThanOrEqual(demand.notBeforeMs);
    }
    if (process.state === 'stopping') expect(nowMs - this.#termAtMs).toBeLessThanOrEqual(5000);
    if (process.state === 'starting') expect(nowMs - process.startedAtMs).toBeLessThanOrEqual(60_000);
    if ((process.state === 'starting' || process.state === 'ready') && demand.idleSinceMs !== null) {
      expect(nowMs - demand.idleSinceMs).toBeLessThanOrEqual(IDLE_MS);
    }
    expect(demand.failedStarts).toBeLessThan(3);
  }

  #checkStop(sinceMs: number): void {
    expect(sinceMs).toBeLessThanOrEqual(exitAfterMs);
    if (sinceMs > DRAIN_MS) expect([...this.#withoutTerm]).toEqual([]);
    if (sinceMs > killAfterMs) expect(phaseOf(this.state)).not.toBe('terminating');
    if (this.state.phase === 'done' && sinceMs < exitAfterMs) expect([...this.#living.keys()]).toEqual([]);
  }
}

test('a demand is served after the backoff, idle streaming stops in time, and a stop is done in time', () => {
  fc.assert(
    fc.property(anyScenario, (scenario) => {
      const machine = new SimulatedMachine(scenario);
      for (const [pauseMs, events] of scenario.actions) {
        machine.advance(pauseMs);
        for (const event of events) machine.post(event);
      }
      machine.advance(3 * IDLE_MS);
      machine.post({ type: 'signal', signal: 'SIGTERM', atMs: 0 });
      machine.advance(exitAfterMs);
      expect(machine.state.phase).toBe('done');
    }),
    { numRuns: 3000 },
  );
});
