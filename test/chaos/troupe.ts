import { Stage, openTheatre } from './stage.ts';
import { judge } from './judge.ts';
import { play } from './play.ts';
import type { Record } from './record.ts';
import type { Story } from './story.ts';

export type Played = { story: Story; record: Record; violations: string[] };

/** Plays stories, so many at once; whoever asks waits for a free stage. */
export class Troupe {
  readonly #theatre: ReturnType<typeof openTheatre>;
  readonly #free: Stage[] = [];
  readonly #waiting: ((stage: Stage) => void)[] = [];

  constructor(root: string, atOnce: number) {
    this.#theatre = openTheatre(root);
    for (let number = 0; number < atOnce; number += 1) this.#free.push(new Stage(this.#theatre.folder, number));
  }

  async play(story: Story): Promise<Played> {
    const stage = this.#free.pop() ?? (await new Promise<Stage>((resolve) => this.#waiting.push(resolve)));
    try {
      const record = await play(story, stage, this.#theatre.folder);
      return { story, record, violations: judge(story, record) };
    } finally {
      const next = this.#waiting.shift();
      if (next) next(stage);
      else this.#free.push(stage);
    }
  }

  close(): void {
    this.#theatre.close();
  }
}
