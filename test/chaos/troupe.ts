import type { Genre, Played, Seen } from './genre.ts';

/** Plays stories of one kind, so many at once; whoever asks waits for a free place. */
export class Troupe<Story> {
  readonly genre: Genre<Story>;
  readonly #free: number[];
  readonly #waiting: ((place: number) => void)[] = [];

  constructor(genre: Genre<Story>) {
    this.genre = genre;
    this.#free = Array.from({ length: genre.atOnce }, (_, place) => place);
  }

  /** The story is made up when there is a place for it. Never rejects: a play that fails is a violation. */
  async play(storyOf: () => Story): Promise<Played<Story>> {
    const place = this.#free.pop() ?? (await new Promise<number>((resolve) => this.#waiting.push(resolve)));
    const story = storyOf();
    try {
      return { story, ...(await this.genre.play(story, place)) };
    } catch (error) {
      return { story, ...failed(error) };
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

function failed(error: unknown): Seen {
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = said.split('\n').slice(0, 3);
  return { record: null, violations: [`the play itself failed: ${lines.map((line) => line.trim()).join(' ')}`] };
}
