import type { Rules } from './rules.ts';
import { next } from './slot-next.ts';
import { newSlot, type Slot } from './slot.ts';
import type { Voice } from './voice.ts';

/** Judges what a release holds as it would a dyno: a migration that takes too much is R14 and R15, too. */
export class ReleaseMemory {
  readonly #rules: Rules;
  readonly #voice: Voice;
  #slot: Slot;

  constructor(name: string, quotaBytes: number, rules: Rules, voice: Voice) {
    this.#rules = rules;
    this.#voice = voice;
    const life = { id: 1, phase: 'up', bornMs: Date.now(), warnedMs: null } as const;
    this.#slot = { ...newSlot(name, '', quotaBytes, Date.now()), state: 'up', lives: [life] };
  }

  /** kill: what ends it at once. */
  weigh(bytes: number, kill: () => void): void {
    const [slot, ...effects] = next(this.#slot, { kind: 'weighed', life: 1, bytes }, this.#rules, Date.now());
    this.#slot = slot;
    const { name } = slot;
    for (const effect of effects) {
      if (effect.do === 'say') this.#voice.say('heroku', name, effect.text);
      else if (effect.do === 'happen') this.#voice.happen({ dyno: name, ...effect.what });
      else if (effect.do === 'kill') kill();
    }
  }
}
