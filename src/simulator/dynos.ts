import { EXIT } from '../exit-status.ts';
import type { Clock } from '../host.ts';
import type { DynoSpec } from './formation.ts';
import { Lives, type Birth } from './lives.ts';
import { next } from './slot-next.ts';
import { isCurrent, newSlot, type Slot, type SlotEffect, type SlotEvent } from './slot.ts';
import type { Rules } from './rules.ts';
import { Timers } from './timers.ts';
import type { DynoView, Happening, LogPace, RunView } from './view.ts';

export type Around = {
  clock: Clock;
  rules: Rules;
  /** What a new life of this dyno gets; the latest settings of the app in it. */
  bear: (name: string, quotaBytes: number) => Promise<Birth>;
  say: (dyno: string, text: string) => void;
  print: (dyno: string, text: string) => void;
  happen: (happening: Omit<Happening, 'atMs'>) => void;
  changed: () => void;
};

/** What a shell would report of a process that TERM has ended. */
const TERMED = 143;

/** How a life that ends is shown, whoever ends it. */
const SEEN_AS = {
  starting: 'starting',
  up: 'up',
  stopping: 'stopping',
  killed: 'stopping',
  overdue: 'stopping',
} as const;

/** The dynos of the formation: takes events, asks `next`, performs its effects. */
export class Dynos {
  readonly lives: Lives;
  readonly #around: Around;
  readonly #slots = new Map<string, Slot>();
  readonly #timers: Timers;
  readonly #ending = new Set<Promise<void>>();
  #formation: ReadonlySet<string> = new Set();

  constructor(around: Around, pace: LogPace) {
    this.#around = around;
    this.#timers = new Timers(around.clock);
    this.lives = new Lives(pace);
  }

  get slots(): readonly Slot[] {
    return [...this.#slots.values()];
  }

  /** The formation from now on: what is not wanted any more stops and is forgotten, what does not run starts, the rest is
   * restarted. */
  deploy(specs: readonly DynoSpec[]): void {
    this.#formation = new Set(specs.map(({ name }) => name));
    for (const name of this.#slots.keys()) if (!this.#formation.has(name)) this.post(name, { kind: 'stop' });
    for (const { name, command, quotaBytes } of specs) {
      if (!this.#slots.has(name)) this.#slots.set(name, newSlot(name, command, quotaBytes, Date.now()));
      this.post(name, { kind: 'changed', command, quotaBytes });
      this.post(name, this.canRestart(name) ? { kind: 'restart', why: 'deploy' } : { kind: 'start' });
    }
  }

  /** Not what is down, or on its way there. */
  canRestart(name: string): boolean {
    const state = this.#slots.get(name)?.state ?? 'down';
    return state !== 'down' && state !== 'stopping';
  }

  resize(quotaBytes: number): void {
    for (const { name, command } of this.slots) {
      this.post(name, { kind: 'changed', command, quotaBytes });
      this.post(name, { kind: 'restart', why: 'resized' });
    }
  }

  post(name: string, event: SlotEvent): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    const [after, ...effects] = next(slot, event, this.#around.rules, Date.now());
    this.#slots.set(name, after);
    if (event.kind === 'exited') this.#timers.forget(timerOf(name, event.life));
    if (after.state === 'down' && !this.#formation.has(name)) this.#remove(name);
    for (const effect of effects) this.#perform(name, effect);
    if (after !== slot) this.#around.changed();
  }

  /** Resolves when no life of any dyno is left. */
  async stop(): Promise<void> {
    for (const name of this.#slots.keys()) this.post(name, { kind: 'stop' });
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    this.#timers.forget();
  }

  /** SIGKILL for all, now. */
  async kill(): Promise<void> {
    const stopped = this.stop();
    this.lives.killAll();
    await stopped;
  }

  weigh(): void {
    for (const { dyno, life, bytes } of this.lives.weigh()) this.post(dyno, { kind: 'weighed', life, bytes });
  }

  /** The port of a life that serves; null where none does. */
  portOf({ name, lives }: Slot): number | null {
    const up = lives.find(({ phase }) => phase === 'up');
    return up === undefined ? null : (this.lives.view({ dyno: name, life: up.id })?.port ?? null);
  }

  views(): DynoView[] {
    return this.slots.map((slot) => {
      const { name, state, sinceMs, crashes, restartsAtMs, quotaBytes } = slot;
      const runs = slot.lives.map((life): RunView => {
        const seen = this.lives.view({ dyno: name, life: life.id }) ?? { port: null, bytes: null, processes: [] };
        return { id: life.id, phase: SEEN_AS[life.phase], startedAtMs: life.bornMs, ...seen };
      });
      return { name, state, sinceMs, crashes, restartsAtMs, quotaBytes, runs };
    });
  }

  #remove(name: string): void {
    this.#slots.delete(name);
    this.#timers.forget(`${name} `);
  }

  #perform(name: string, effect: SlotEffect): void {
    switch (effect.do) {
      case 'say':
        return this.#around.say(name, effect.text);
      case 'happen':
        return this.#around.happen({ dyno: name, ...effect.what });
      case 'schedule':
        return this.#schedule(name, effect.event, effect.afterMs);
      case 'term':
        return this.lives.term({ dyno: name, life: effect.life });
      case 'kill':
        return this.lives.kill({ dyno: name, life: effect.life });
      case 'spawn': {
        const living = this.#live(name, effect.life, effect.command);
        this.#ending.add(living);
        return void living.finally(() => this.#ending.delete(living));
      }
    }
  }

  /** A life that is to end before it has begun never begins; one that this machine has no room for ends with that. */
  async #live(name: string, life: number, command: string): Promise<void> {
    const exited = (status: number, left: number): void => this.post(name, { kind: 'exited', life, status, left });
    const print = (line: string): void => this.#around.print(name, line);
    const bound = (): void => this.post(name, { kind: 'bound', life });
    try {
      const birth = await this.#around.bear(name, this.#slots.get(name)?.quotaBytes ?? 0);
      const isWanted = this.#slots.get(name)?.lives.some((one) => one.id === life && isCurrent(one)) ?? false;
      if (isWanted) return await this.lives.begin({ dyno: name, life }, command, birth, { exited, bound, print });
      birth.over();
      exited(TERMED, 0);
    } catch (error) {
      print(`could not start: ${(error as Error).message}`);
      exited(EXIT.notExecutable, 0);
    }
  }

  /** Not all are to cycle at once: each life has its own share of the spread. */
  #schedule(name: string, event: SlotEvent, afterMs: number): void {
    const extraMs = event.kind === 'cycle-due' ? Math.random() * this.#around.rules.cycleSpreadMs : 0;
    const life = 'life' in event ? event.life : 0;
    this.#timers.after(afterMs + extraMs, timerOf(name, life), () => this.post(name, event));
  }
}

/** Ends with a space: `web.1 1` is not to mean `web.1 10`. */
function timerOf(name: string, life: number): string {
  return `${name} ${life} `;
}
