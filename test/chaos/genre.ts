import type { RealRecord } from './real-record.ts';
import type { TinyRecord } from './record.ts';

/** A kind of story: how one is made up, played, judged and told shorter. */
export type Genre<Story> = {
  /** So many are played at the same time, each at a place of its own. */
  atOnce: number;
  /** The story of this number, the same whoever plays it and when. */
  storyOf(this: void, seed: number, number: number): Story;
  /** Stories that are each a step simpler, in an order that depends on nothing but the story. */
  simplerThan(this: void, story: Story): Story[];
  /** place: from 0 to atOnce - 1. */
  play(this: void, story: Story, place: number): Promise<Seen>;
  close(this: void): void;
};

/** record: what was seen from outside, null where the play itself failed; violations: each invariant that was broken, in words. */
export type Seen = { record: TinyRecord | RealRecord | null; violations: string[] };
export type Played<Story> = Seen & { story: Story };
