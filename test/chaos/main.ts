import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bound } from '../harness/leftovers.ts';
import type { Played } from './genre.ts';
import { Repertoire, type AnyPlayed } from './repertoire.ts';
import { Tally } from './tally.ts';
import type { Troupe } from './troupe.ts';

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

/** report: markdown, of a run of all. */
export type Result = { exitCode: number; report: string | null };

/** Plays them all, or the one at `path` and what is simpler than it. */
export async function chaos(options: Options): Promise<Result> {
  const bounds = bound();
  const repertoire = new Repertoire(options.root, options.atOnce);
  const result = await (options.path === null
    ? playAll(options, repertoire)
    : playOne(options, options.path, repertoire));
  repertoire.close();
  const left = await bounds.left();
  if (left.length === 0) return result;
  console.log(`left behind by this run:\n${left.join('\n')}`);
  return { ...result, exitCode: 1 };
}

async function playOne(options: Options, path: string, repertoire: Repertoire): Promise<Result> {
  const [number = 0, ...steps] = path.split(':').map(Number);
  const from = { ...options, number, steps };
  const exitCode = await (repertoire.isReal(number) ? replay(from, repertoire.real) : replay(from, repertoire.tiny));
  return { exitCode, report: null };
}

async function playAll({ runs, seed, atOnce, keep }: Options, repertoire: Repertoire): Promise<Result> {
  console.log(`${runs} stories of seed ${seed}, ${atOnce} at once`);
  const progress = { done: 0, violated: 0, all: runs, since: performance.now() };
  const timer = setInterval(() => console.log(inWords(progress)), PROGRESS_EVERY_MS);
  const tally = new Tally();
  const take = (played: AnyPlayed, number: number): void => {
    progress.done += 1;
    tally.add(played);
    if (played.violations.length === 0) return;
    progress.violated += 1;
    complain(played, seed, `${number}`, keep);
  };
  await Promise.all(repertoire.playAll(seed, runs, take));
  clearInterval(timer);
  const verdict = progress.violated === 0 ? 'no violation' : `${progress.violated} with violations`;
  const said = `${progress.done} stories of seed ${seed} in ${minutes(performance.now() - progress.since)} min: ${verdict}`;
  console.log(`${said}\n${tally.describe()}`);
  return { exitCode: progress.violated === 0 ? 0 : 1, report: `**${said}.**\n\n${tally.describe()}` };
}

type Progress = { done: number; violated: number; all: number; since: number };

function inWords({ done, violated, all, since }: Progress): string {
  const rate = (1000 * done) / (performance.now() - since);
  const left = rate > 0 ? `, ${Math.round((all - done) / rate)} s left` : '';
  return `${done} of ${all} stories, ${violated} with violations, ${rate.toFixed(1)}/s${left}`;
}

function complain(played: Played<unknown>, seed: number, path: string, keep: string | null): void {
  console.log(
    [...played.violations.map((one) => `  ${one}`), `  npm run chaos -- --seed ${seed} --path ${path}`].join('\n'),
  );
  if (keep === null) return;
  mkdirSync(keep, { recursive: true });
  writeFileSync(join(keep, `${seed}-${path.replaceAll(':', '-')}.json`), JSON.stringify(played, null, 1));
}

type From = Options & { number: number; steps: readonly number[] };

/** The story of that number, and which simpler one to take at each step: `41:3:0`. */
async function replay<Story>({ seed, number, steps, keep }: From, troupe: Troupe<Story>): Promise<number> {
  const { storyOf, simplerThan } = troupe.genre;
  const story = steps.reduce((longer, step) => simplerThan(longer)[step] ?? longer, storyOf(seed, number));
  const failed = await failureOf(story, troupe);
  if (failed === null) {
    console.log(`played ${TRIES} times, no violation:\n${JSON.stringify(story)}`);
    return 0;
  }
  complain(failed, seed, [number, ...steps].join(':'), keep);
  const shortest = await shrink({ failed, path: [number, ...steps] }, troupe);
  console.log('shortest:');
  complain(shortest.failed, seed, shortest.path.join(':'), keep);
  console.log(JSON.stringify(shortest.failed.story, null, 1));
  return 1;
}

type Failure<Story> = { failed: Played<Story>; path: readonly number[] };

/** As long as something simpler still breaks the same rule. */
async function shrink<Story>({ failed, path }: Failure<Story>, troupe: Troupe<Story>): Promise<Failure<Story>> {
  const kinds = kindsOf(failed);
  for (const [index, story] of troupe.genre.simplerThan(failed.story).entries()) {
    const next = await failureOf(story, troupe, kinds);
    if (next !== null) return shrink({ failed: next, path: [...path, index] }, troupe);
  }
  return { failed, path };
}

/** Its first violation, of these kinds, in so many plays at the same time. */
async function failureOf<Story>(
  story: Story,
  troupe: Troupe<Story>,
  kinds?: ReadonlySet<string>,
): Promise<Played<Story> | null> {
  const played = await Promise.all(Array.from({ length: TRIES }, () => troupe.play(() => story)));
  const isOne = (one: Played<Story>): boolean => !kinds || [...kindsOf(one)].some((kind) => kinds.has(kind));
  return played.find((one) => one.violations.length > 0 && isOne(one)) ?? null;
}

/** Without the numbers and what was said. */
function kindsOf({ violations }: Played<unknown>): Set<string> {
  return new Set(violations.map((one) => one.replace(/: .*/, '').replace(/\d+/g, 'N')));
}

function minutes(ms: number): string {
  return (ms / 60_000).toFixed(1);
}
