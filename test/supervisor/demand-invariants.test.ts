import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ExitStatus } from '../../src/exit-status.ts';
import { begin } from '../../src/supervisor/begin.ts';
import { next } from '../../src/supervisor/lifecycle.ts';
import type { Effect, Event, State } from '../../src/supervisor/state.ts';
import { child, onDemand, routedPuma, servePlan } from '../fakes/plan.ts';
import { toStatus } from './replay.ts';

const IDLE_MS = 100_000;
const DRAIN_MS = 10_000;
const plan = servePlan(routedPuma({ drainMs: DRAIN_MS }), child('sidekiq'), onDemand('streaming', IDLE_MS));
const { killAfterMs, leaveAfterMs } = plan.stop;

/** How a start goes, in milliseconds; null: never. */
type Life = {
  readyAfterMs: number | null;
  followsTermAfterMs: number | null;
  dies: Death | null;
  clearsAfterMs: number;
};
type Death = { afterMs: number; status: ExitStatus };
const within = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const anyLife: fc.Arbitrary<Life> = fc.record({
  readyAfterMs: fc.oneof({ weight: 8, arbitrary: within(5000) }, fc.constant(null)),
  followsTermAfterMs: fc.oneof({ weight: 5, arbitrary: within(200) }, within(40_000), fc.constant(null)),
  dies: fc.option(
    fc.record({
      afterMs: fc.oneof(within(4000), within(300_000)),
      status: fc.constantFrom(...([0, 1, 143, 'SIGKILL', 'SIGTERM'] as const).map(toStatus)),
    }),
  ),
  clearsAfterMs: fc.oneof({ weight: 5, arbitrary: within(50) }, within(29_000)),
});

type Deed = Event | { type: 'none' };
const streaming = { child: 'streaming', atMs: 0 } as const;
const anyDeed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ ...streaming, type: 'wanted' as const, shortage: null }) },
  fc.constant({ ...streaming, type: 'wanted' as const, shortage: 'memory at 160 % of 512 MB' }),
  { weight: 5, arbitrary: fc.constant({ ...streaming, type: 'unwanted' as const }) },
  fc.constant({
    type: 'save' as const,
    child: null,
    why: '',
    atOnce: false,
    lastResort: 'stop-dyno' as const,
    atMs: 0,
  }),
  fc.constant({ type: 'save' as const, child: null, why: '', atOnce: true, lastResort: 'none' as const, atMs: 0 }),
  fc.constant({
    type: 'save' as const,
    child: 'sidekiq',
    why: '',
    atOnce: true,
    lastResort: 'stop-dyno' as const,
    atMs: 0,
  }),
  fc.constant({ type: 'drained' as const, child: 'puma', atMs: 0 }),
  fc.record({
    type: fc.constant('recycle' as const),
    child: fc.constantFrom('puma', 'sidekiq'),
    why: fc.constant(''),
    atMs: fc.constant(0),
  }),
  fc.constant({ type: 'none' as const }),
);
const anyPause = fc.oneof(within(50), within(3000), within(2 * IDLE_MS));
const anyStory = fc.record({
  /** Those of puma and sidekiq are quiet. */
  lives: fc.array(anyLife, { minLength: 1, maxLength: 8 }),
  deeds: fc.array(fc.tuple(anyPause, anyDeed), { maxLength: 25 }),
  puma: fc.constantFrom(100, 20_000, null),
});
type Story = typeof anyStory extends fc.Arbitrary<infer S> ? S : never;

const steady: Life = { readyAfterMs: 500, followsTermAfterMs: 100, dies: null, clearsAfterMs: 10 };

/** A machine that does what it is told, each thing at its time; what happens is judged after each event. */
class Machine {
  nowMs = 0;
  state: State;
  readonly #story: Story;
  /** of: for what is the end or the readiness of one incarnation only. */
  readonly #coming: { event: Event; of: Life | null }[] = [];
  readonly #living = new Map<string, Life>();
  #starts = 0;
  #stoppedAtMs: number | null = null;
  #termAtMs = 0;
  readonly #waiting = new Set<string>();
  /** Somebody waits for streaming, and asks again when it can start. */
  #asks = false;
  #event: Event | null = null;

  constructor(story: Story) {
    this.#story = story;
    const [state, ...effects] = begin(plan, 0);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  /** Lets time pass; what is due comes in order. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const due = this.#coming
        .filter(({ event }) => event.atMs <= end)
        .sort((one, other) => one.event.atMs - other.event.atMs)[0];
      if (due === undefined || this.state.phase === 'done') break;
      this.#coming.splice(this.#coming.indexOf(due), 1);
      this.nowMs = Math.max(this.nowMs, due.event.atMs);
      if (due.of === null || [...this.#living.values()].includes(due.of)) this.#happens(due.event);
    }
    this.nowMs = end;
  }

  post(event: Event): void {
    if (this.state.phase !== 'done') this.#happens(event);
  }

  #happens(event: Event): void {
    if (event.type === 'child-exited') {
      this.#living.delete(event.child);
      this.#waiting.delete(event.child);
    }
    this.#event = event;
    if (event.type === 'wanted') this.#asks = event.shortage === null;
    if (event.type === 'unwanted') this.#asks = false;
    const [state, ...effects] = next(this.state, { ...event, atMs: this.nowMs }, plan);
    const wasRunning = this.state.phase === 'running';
    this.state = state;
    if (wasRunning && state.phase !== 'running') {
      this.#stoppedAtMs = this.nowMs;
      for (const name of this.#living.keys()) this.#waiting.add(name);
    }
    for (const effect of effects) this.#perform(effect);
    this.#judge();
  }

  #perform(effect: Effect): void {
    if (effect.do === 'spawn') this.#spawn(effect.child);
    if (effect.do === 'schedule') this.#comes(effect.event);
    if (effect.do === 'signal' && effect.signal === 'SIGTERM') this.#terminate(effect.child);
    if (effect.do === 'kill-tree') this.#exits(effect.child, 5, toStatus('SIGKILL'));
    if (effect.do === 'kill-all') for (const name of this.#living.keys()) this.#exits(name, 5, toStatus('SIGKILL'));
    const leftovers = { ended: [], killed: [] };
    if (effect.do === 'sweep') this.#comes({ type: 'swept', leftovers, atMs: this.nowMs + 10 });
    if (effect.do === 'tell' && effect.fact.fact === 'available') this.#asksAgain();
    if (effect.do === 'clear-tree') {
      const { clearsAfterMs } = this.#story.lives[this.#starts % this.#story.lives.length] ?? steady;
      const atMs = Math.min(this.nowMs + clearsAfterMs, effect.killAtMs + 700);
      this.#comes({ type: 'cleared', child: effect.child, leftovers, atMs });
    }
  }

  /** With what is known of memory now. */
  #asksAgain(): void {
    const shortage = this.#starts % 3 === 2 ? 'memory at 160 % of 512 MB' : null;
    if (this.#asks) this.#comes({ ...streaming, type: 'wanted', shortage, atMs: this.nowMs });
  }

  #spawn(name: string): void {
    expect([this.state.phase, this.#living.has(name)]).toEqual(['running', false]);
    if (name === 'streaming') expect(this.#event).toMatchObject({ type: 'wanted', shortage: null });
    const { lives, puma } = this.#story;
    const life = { ...steady, ...(name === 'streaming' ? lives[this.#starts % lives.length] : {}) };
    if (name === 'streaming') this.#starts += 1;
    if (name === 'puma') life.followsTermAfterMs = puma;
    this.#living.set(name, life);
    const { readyAfterMs, dies } = life;
    if (readyAfterMs !== null) this.#comes({ type: 'child-ready', child: name, atMs: this.nowMs + readyAfterMs }, life);
    if (dies) this.#exits(name, dies.afterMs, dies.status);
  }

  #terminate(name: string): void {
    this.#waiting.delete(name);
    if (name === 'streaming') this.#termAtMs = this.nowMs;
    const afterMs = this.#living.get(name)?.followsTermAfterMs;
    if (afterMs != null) this.#exits(name, afterMs, toStatus(0));
  }

  #exits(name: string, afterMs: number, status: ExitStatus): void {
    const event = { type: 'child-exited', child: name, status, atMs: this.nowMs + afterMs } as const;
    this.#comes(event, this.#living.get(name));
  }

  #comes(event: Event, of: Life | null = null): void {
    this.#coming.push({ event, of });
  }

  #judge(): void {
    const { state, nowMs } = this;
    if (state.phase !== 'running') return this.#judgeStop(nowMs - (this.#stoppedAtMs ?? nowMs));
    const now = state.children.get('streaming');
    const demand = state.demands.get('streaming');
    if (now === undefined || demand === undefined) throw new Error('no streaming');
    expect(this.#living.has('streaming')).toBe(['starting', 'up', 'ending', 'killed'].includes(now.is));
    if (now.is === 'down' && demand.idleSinceMs === null) expect(nowMs).toBeLessThanOrEqual(demand.notBeforeMs);
    if (now.is === 'ending') expect(nowMs - this.#termAtMs).toBeLessThanOrEqual(5000);
    if (now.is === 'starting') expect(nowMs - now.startedAtMs).toBeLessThanOrEqual(60_000);
    if ((now.is === 'starting' || now.is === 'up') && demand.idleSinceMs !== null) {
      expect(nowMs - demand.idleSinceMs).toBeLessThanOrEqual(IDLE_MS);
    }
    expect(demand.failures).toBeLessThan(3);
  }

  #judgeStop(sinceMs: number): void {
    expect(sinceMs).toBeLessThanOrEqual(leaveAfterMs);
    if (sinceMs > DRAIN_MS) expect([...this.#waiting]).toEqual([]);
    if (sinceMs > killAfterMs) expect(this.state.phase).not.toBe('stopping');
    if (this.state.phase === 'done' && sinceMs < leaveAfterMs) expect([...this.#living.keys()]).toEqual([]);
  }
}

test('what is wanted runs, started by who asks while there is memory, waits for its pause or for the end of its predecessor; what nobody wants is put to rest in time; a stop is over in time', () => {
  fc.assert(
    fc.property(anyStory, (story) => {
      const machine = new Machine(story);
      for (const [pauseMs, deed] of story.deeds) {
        machine.pass(pauseMs);
        if (deed.type !== 'none') machine.post(deed);
      }
      machine.pass(3 * IDLE_MS);
      machine.post({ type: 'signal', signal: 'SIGTERM', atMs: 0 });
      machine.pass(leaveAfterMs);
      expect(machine.state.phase).toBe('done');
    }),
    { numRuns: 3000 },
  );
});
