import type { Genre, Played } from './genre.ts';

/** Plays stories of one kind, so many at once; whoever asks waits for a free place. */
export class Troupe<Story> {
  readonly genre: Genre<Story>;
  readonly #free: number[];
  readonly #waiting: ((place: number) => void)[] = [];

  constructor(genre: Genre<Story>) {
    this.genre = genre;
    this.#free = Array.from({ length: genre.atOnce }, (_, place) => place);
  }

  async play(story: Story): Promise<Played<Story>> {
    const place = this.#free.pop() ?? (await new Promise<number>((resolve) => this.#waiting.push(resolve)));
    try {
      return { story, ...(await this.genre.play(story, place)) };
    } finally {
      const next = this.#waiting.shift();
      if (next) next(place);
      else this.#free.push(place);
    }
  }

  close(): void {
    this.genre.close();
  }
}
