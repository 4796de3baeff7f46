import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bound } from '../harness/leftovers.ts';
import type { Played } from './genre.ts';
import { replay, shrink, type Failure } from './replay.ts';
import { Repertoire, type AnyPlayed } from './repertoire.ts';
import { Tally } from './tally.ts';
import type { Troupe } from './troupe.ts';

const PROGRESS_EVERY_MS = 10_000;

export type Options = {
  root: string;
  runs: number;
  seed: number;
  path: string | null;
  atOnce: number;
  keep: string | null;
};

/** Markdown, of a run of all. */
export type Report = { short: string; long: string };
export type Result = { exitCode: number; report: Report | null };

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
  const steps = path.split(':').map(Number);
  const isReal = repertoire.isReal(steps[0] ?? 0);
  const exitCode = await (isReal
    ? tellShortest(options, steps, repertoire.real)
    : tellShortest(options, steps, repertoire.tiny));
  return { exitCode, report: null };
}

async function tellShortest<Story>(
  { seed, keep }: Options,
  path: readonly number[],
  troupe: Troupe<Story>,
): Promise<number> {
  const failure = await replay(seed, path, troupe);
  if (failure === null) {
    console.log('played again and again, no violation');
    return 0;
  }
  tell(failure, seed, keep);
  const shortest = await shrink(failure, troupe);
  console.log('shortest:');
  tell(shortest, seed, keep);
  console.log(JSON.stringify(shortest.failed.story, null, 1));
  return 1;
}

function tell({ failed, path }: Failure<unknown>, seed: number, keep: string | null): void {
  complain(failed, seed, path.join(':'), keep);
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
  const said = `${progress.done} stories of seed ${seed}, ${atOnce} at once, in ${minutes(performance.now() - progress.since)} min: ${verdict}`;
  console.log(`${said}\n${tally.describe()}`);
  const report = { short: `**${said}.**\n\n${tally.summarize()}`, long: `**${said}.**\n\n${tally.describe()}` };
  return { exitCode: progress.violated === 0 ? 0 : 1, report };
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

function minutes(ms: number): string {
  return (ms / 60_000).toFixed(1);
}
