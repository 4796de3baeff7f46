import type { Played } from './genre.ts';
import { realGenre } from './real-genre.ts';
import type { RealStory } from './real-story.ts';
import type { Story } from './story.ts';
import { tinyGenre } from './tiny-genre.ts';
import { Troupe } from './troupe.ts';

/** One story in so many is played with the real parts. */
const REAL_EVERY = 20;

export type AnyPlayed = Played<Story> | Played<RealStory>;
type Take = (played: AnyPlayed, number: number) => void;

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

  /** The first `runs` of a seed; those with the real parts last, lest booting rubies starve the others. `take` has each as
   * it comes, and nothing of it is kept but its violations: ten thousand records are more than fits into memory. */
  playAll(seed: number, runs: number, take: Take = () => {}): Promise<readonly string[]>[] {
    const numbers = Array.from({ length: runs }, (_, number) => number);
    const play = (number: number): Promise<readonly string[]> => this.play(seed, number, take);
    const tiny = new Map(numbers.filter((number) => !this.isReal(number)).map((number) => [number, play(number)]));
    const last = Promise.allSettled(tiny.values());
    return numbers.map((number) => tiny.get(number) ?? last.then(() => play(number)));
  }

  /** One of them, once more. Gives its violations. */
  play(seed: number, number: number, take: Take = () => {}): Promise<readonly string[]> {
    const by = async <S>(troupe: Troupe<S>): Promise<readonly string[]> => {
      const played = await troupe.play(() => troupe.genre.storyOf(seed, number));
      take(played as AnyPlayed, number);
      return played.violations;
    };
    return this.isReal(number) ? by(this.real) : by(this.tiny);
  }

  close(): void {
    this.tiny.close();
    this.real.close();
  }
}
