import type { Cancel, Clock } from '../host/host.ts';
import type { DynoSpec } from './formation.ts';
import { Lives, type Birth } from './lives.ts';
import { next } from './slot-next.ts';
import { isCurrent, newSlot, type Slot, type SlotEffect, type SlotEvent, type SlotRules } from './slot.ts';
import type { DynoView, Happening, LogPace, RunView } from './view.ts';

export type Around = {
  clock: Clock;
  rules: SlotRules;
  /** What a new life of this dyno gets; the latest settings of the app in it. */
  bear: (name: string, quotaBytes: number) => Promise<Birth>;
  say: (dyno: string, text: string) => void;
  print: (dyno: string, text: string) => void;
  happen: (happening: Omit<Happening, 'atMs'>) => void;
  changed: () => void;
};

/** What a shell would report of a process that TERM has ended. */
const TERMED = 143;

/** The dynos of the formation: takes events, asks `next`, performs its effects. */
export class Dynos {
  readonly lives: Lives;
  readonly #around: Around;
  readonly #slots = new Map<string, Slot>();
  readonly #timers = new Set<Cancel>();
  readonly #ending = new Set<Promise<void>>();

  constructor(around: Around, pace: LogPace) {
    this.#around = around;
    this.lives = new Lives(pace);
  }

  get slots(): readonly Slot[] {
    return [...this.#slots.values()];
  }

  /** The formation from now on: what is new starts, what is not wanted any more stops, the rest is restarted. */
  deploy(specs: readonly DynoSpec[]): void {
    for (const [name] of this.#slots) if (!specs.some((spec) => spec.name === name)) this.post(name, { kind: 'stop' });
    for (const { name, command, quotaBytes } of specs) {
      const isNew = !this.#slots.has(name);
      if (isNew) this.#slots.set(name, newSlot(name, command, quotaBytes, Date.now()));
      else this.post(name, { kind: 'changed', command, quotaBytes });
      this.post(name, isNew ? { kind: 'start' } : { kind: 'restart', why: 'deploy' });
    }
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
    for (const effect of effects) this.#perform(name, effect);
    if (after !== slot) this.#around.changed();
  }

  /** Resolves when no life of any dyno is left. */
  async stop(): Promise<void> {
    for (const name of this.#slots.keys()) this.post(name, { kind: 'stop' });
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    for (const cancel of this.#timers) cancel();
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
        const phase = isCurrent(life) && life.phase !== 'killed' ? life.phase : 'stopping';
        return { id: life.id, phase: phase === 'up' ? 'up' : phase, startedAtMs: life.bornMs, ...seen };
      });
      return { name, state, sinceMs, crashes, restartsAtMs, quotaBytes, runs };
    });
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

  /** A life that is to end before it has begun never begins. */
  async #live(name: string, life: number, command: string): Promise<void> {
    const exited = (status: number, left: number): void => this.post(name, { kind: 'exited', life, status, left });
    const birth = await this.#around.bear(name, this.#slots.get(name)?.quotaBytes ?? 0);
    const isWanted = this.#slots.get(name)?.lives.some((one) => one.id === life && isCurrent(one)) ?? false;
    if (!isWanted) {
      birth.over();
      return exited(TERMED, 0);
    }
    await this.lives.begin({ dyno: name, life }, command, birth, {
      exited,
      bound: () => this.post(name, { kind: 'bound', life }),
      print: (line) => this.#around.print(name, line),
    });
  }

  #schedule(name: string, event: SlotEvent, afterMs: number): void {
    const cancel = this.#around.clock.after(afterMs, () => {
      this.#timers.delete(cancel);
      this.post(name, event);
    });
    this.#timers.add(cancel);
  }
}
