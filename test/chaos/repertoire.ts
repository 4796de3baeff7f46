import type { Played } from './genre.ts';
import { realGenre } from './real-genre.ts';
import type { RealStory } from './real-story.ts';
import type { Story } from './story.ts';
import { tinyGenre } from './tiny-genre.ts';
import { Troupe } from './troupe.ts';

/** One story in so many is played with the real parts. */
const REAL_EVERY = 20;

export type AnyPlayed = Played<Story> | Played<RealStory>;

/** Every story by its seed and number. */
export class Repertoire {
  readonly tiny: Troupe<Story>;
  readonly real: Troupe<RealStory>;

  constructor(root: string, atOnce: number) {
    this.tiny = new Troupe(tinyGenre(root, atOnce));
    this.real = new Troupe(realGenre(root));
  }

  isReal(number: number): boolean {
    return number % REAL_EVERY === 0;
  }

  /** The first `runs` of a seed, each as it comes; those with the real parts last, lest booting rubies starve the others. */
  playAll(seed: number, runs: number): Promise<AnyPlayed>[] {
    const numbers = Array.from({ length: runs }, (_, number) => number);
    const tiny = numbers
      .filter((number) => !this.isReal(number))
      .map((number) => [number, this.tiny.play(this.tiny.genre.storyOf(seed, number))] as const);
    const played = new Map<number, Promise<AnyPlayed>>(tiny);
    const last = Promise.allSettled(played.values());
    return numbers.map(
      (number) => played.get(number) ?? last.then(() => this.real.play(this.real.genre.storyOf(seed, number))),
    );
  }

  close(): void {
    this.tiny.close();
    this.real.close();
  }
}
