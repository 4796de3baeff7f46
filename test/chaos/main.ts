import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { storyOf } from './random-story.ts';
import { simplerThan } from './shrink.ts';
import type { Story } from './story.ts';
import { Troupe, type Played } from './troupe.ts';

/** How often a story is played before it counts as one that does not fail: moments vary. */
const TRIES = 6;
const PROGRESS_EVERY_MS = 10_000;

export type Options = {
  root: string;
  runs: number;
  seed: number;
  path: string | null;
  atOnce: number;
  keep: string | null;
};

/** Plays them all, or the one at `path` and what is simpler than it. Gives the exit code. */
export async function chaos(options: Options): Promise<number> {
  const troupe = new Troupe(options.root, options.atOnce);
  process.once('exit', () => troupe.close());
  return options.path === null ? playAll(options, troupe) : replay(options, options.path, troupe);
}

async function playAll({ runs, seed, atOnce, keep }: Options, troupe: Troupe): Promise<number> {
  console.log(`${runs} stories of seed ${seed}, ${atOnce} at once`);
  const progress = { done: 0, violated: 0, all: runs, since: performance.now() };
  const timer = setInterval(() => console.log(inWords(progress)), PROGRESS_EVERY_MS);
  await Promise.all(
    Array.from({ length: runs }, async (_, number) => {
      const played = await troupe.play(storyOf(seed, number));
      progress.done += 1;
      if (played.violations.length === 0) return;
      progress.violated += 1;
      console.log(complaint(`${seed} --path ${number}`, played));
      if (keep !== null) keepIn(keep, `${seed}-${number}`, played);
    }),
  );
  clearInterval(timer);
  console.log(
    `${inWords(progress)}; ${progress.violated === 0 ? 'no violation' : `${progress.violated} with violations`}`,
  );
  return progress.violated === 0 ? 0 : 1;
}

/** What was seen of a story that may not fail a second time. */
function keepIn(folder: string, name: string, played: Played): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(played, null, 1));
}

function inWords({
  done,
  violated,
  all,
  since,
}: {
  done: number;
  violated: number;
  all: number;
  since: number;
}): string {
  const rate = done / ((performance.now() - since) / 1000);
  const leftS = rate > 0 ? Math.round((all - done) / rate) : 0;
  return `${done} of ${all} stories, ${violated} with violations, ${rate.toFixed(1)}/s, ${leftS} s left`;
}

function complaint(replayWith: string, { violations }: Played): string {
  return [...violations.map((one) => `  ${one}`), `  npm run chaos -- --seed ${replayWith}`].join('\n');
}

/** path: the number of the story, and which simpler one to take at each step: `41:3:0`. */
async function replay({ seed }: Options, path: string, troupe: Troupe): Promise<number> {
  const [number = 0, ...steps] = path.split(':').map(Number);
  const story = steps.reduce((longer: Story, step) => simplerThan(longer)[step] ?? longer, storyOf(seed, number));
  const failed = await failureOf(story, troupe, TRIES);
  if (failed === null) {
    console.log(`played ${TRIES} times, no violation:\n${JSON.stringify(story)}`);
    return 0;
  }
  console.log(complaint(`${seed} --path ${path}`, failed));
  await shrink(failed, path, seed, troupe);
  return 1;
}

/** As long as something simpler still breaks the same rule. */
async function shrink(failed: Played, path: string, seed: number, troupe: Troupe): Promise<void> {
  const kinds = kindsOf(failed);
  for (const [index, story] of simplerThan(failed.story).entries()) {
    const next = await failureOf(story, troupe, TRIES, kinds);
    if (next !== null) return shrink(next, `${path}:${index}`, seed, troupe);
  }
  console.log(`shortest:\n${complaint(`${seed} --path ${path}`, failed)}\n${JSON.stringify(failed.story, null, 1)}`);
  console.log(JSON.stringify(failed.record, null, 1));
}

/** Its first violation in so many plays at the same time. */
async function failureOf(story: Story, troupe: Troupe, tries: number, kinds?: Set<string>): Promise<Played | null> {
  const played = await Promise.all(Array.from({ length: tries }, () => troupe.play(story)));
  return (
    played.find((one) => one.violations.length > 0 && (!kinds || [...kindsOf(one)].some((kind) => kinds.has(kind)))) ??
    null
  );
}

/** Without the numbers and what was said. */
function kindsOf({ violations }: Played): Set<string> {
  return new Set(violations.map((one) => one.replace(/: .*/, '').replace(/\d+/g, 'N')));
}
