import { BOOT_MS, firstOf, possibleCauses, slackOf, type Cause, type Moment } from './causes.ts';
import { hasSteps } from './dyno-env.ts';
import { judgeAnswers } from './judge-answers.ts';
import { judgeCode } from './judge-code.ts';
import { judgeKilled } from './judge-killed.ts';
import { judgeLastLine } from './judge-last-line.ts';
import { judgeLines } from './judge-lines.ts';
import { expectedOfMistake, judgeMistake } from './judge-mistake.ts';
import { judgeMemory } from './judge-memory.ts';
import { judgeStarts } from './judge-starts.ts';
import { judgeStop } from './judge-stop.ts';
import { livesOf, type Life } from './lives.ts';
import { BUDGET_MS, factsIn, type TinyRecord } from './record.ts';
import { natureOf, type Story } from './story.ts';

/** Every invariant that a story has broken, in words; derived from what we did and what the children wrote, and from
 * docs/termination.md, not from the supervisor's code. */
export function judge(story: Story, record: TinyRecord): string[] {
  return [...record.warnings, ...judgeLife(story, record)];
}

function judgeLife(story: Story, record: TinyRecord): string[] {
  if (isEndedAtBoot(story, record)) return judgeNothingLeft(record);
  if (wasKilled(record)) return [...judgeKilled(story, record), ...judgeAnswers(story, record, null)];
  if (expectedOfMistake(story) !== null) return [...judgeMistake(story, record), ...judgeNothingLeft(record)];
  const lives = livesOf(record);
  const possible = possibleCauses(story, record, lives);
  if (possible.length === 0) return ['it ended, and nothing that we know of was the cause'];
  const first = firstOf(possible);
  return [
    ...judgeCode(story, record, lives, possible),
    ...judgeBudget(record, first, possible),
    ...judgeStop(story, record, lives, first),
    ...judgeStarts(record, lives, possible),
    ...judgeLastLine(story, record, lives, possible),
    ...judgeLines(story, record),
    ...judgeAnswers(story, record, first.fromMs),
    ...judgeMemory(story, record, firstOf(possible.filter(({ kind }) => kind !== 'memory'))),
    ...judgeLeft(story, record, lives, first),
    ...judgeFiles(record),
  ];
}

/** Before Node runs our first line a signal is the kernel's affair: nothing has been started then, nothing been said. */
function isEndedAtBoot(story: Story, record: TinyRecord): boolean {
  const { startedAtMs, end, done, ledger, output } = record;
  if (end.signal === null || end.signal === 'SIGKILL' || ledger.length > 0) return false;
  const untilMs = startedAtMs + BOOT_MS + slackOf(record);
  const stops = done.flatMap(({ atMs, what }) => (what.do === 'stop' ? [{ atMs, signal: what.signal }] : []));
  const atBoot = stops.filter(({ atMs }) => atMs < untilMs);
  if (!hasSteps(story)) return output === '' && atBoot.some(({ signal }) => signal === end.signal);
  // A signal in the midst of libfaketime's own start breaks the heap of any Node, or hangs it until the next one: of 400 Nodes that
  // an INT hit in their first 25 ms it was 8 and 6, and none without it.
  const breaks = end.signal === 'SIGABRT' || end.signal === 'SIGSEGV';
  const saidNothing = factsIn(output).length === 0; // glibc may have
  return atBoot.length > 0 && saidNothing && (breaks || stops.some(({ signal }) => signal === end.signal));
}

/** Of a dyno that has started nothing. */
function judgeNothingLeft(record: TinyRecord): string[] {
  return [
    ...record.processesLeft.map(({ pid, command }) => `process ${pid} was left: ${command}`),
    ...judgeFiles(record),
  ];
}

function wasKilled({ end, done }: TinyRecord): boolean {
  return end.signal === 'SIGKILL' && done.some(({ what }) => what.do === 'kill' && what.whom === 'supervisor');
}

function judgeLeft(story: Story, { processesLeft }: TinyRecord, lives: readonly Life[], cause: Moment): string[] {
  const beyond = lives.filter((life) => isBeyondUs(story, life, lives, cause)).map(({ pid }) => pid);
  const late = lives.filter(({ pid, isLeft }) => isLeft && !processesLeft.some((one) => one.pid === pid));
  const left = [...processesLeft, ...late.map(({ pid, child, is }) => ({ pid, command: `${is} of ${child}` }))];
  return left
    .filter(({ pid }) => !beyond.includes(pid))
    .map(({ pid, command }) => `process ${pid} was left: ${command}`);
}

/** A limit that docs/termination.md names: without our environment, our session and its parent, between two looks, of which
 * the one at the stop is the only one that surely comes. */
function isBeyondUs(story: Story, { child, is, startedAtMs }: Life, lives: readonly Life[], cause: Moment): boolean {
  if (is !== 'daemon' || natureOf(story, child).daemon?.kind !== 'bare') return false;
  const parents = lives.filter((life) => life.child === child && (life.is === 'leader' || life.is === 'worker'));
  return parents.some(({ ended, killedAtMs }) => {
    const endedAtMs = Math.min(ended?.atMs ?? Infinity, killedAtMs ?? Infinity);
    return endedAtMs < Infinity && !(startedAtMs < cause.fromMs && endedAtMs > cause.toMs);
  });
}

function judgeFiles({ filesLeft }: TinyRecord): string[] {
  return filesLeft.map((file) => `${file} was left`);
}

function judgeBudget(record: TinyRecord, { fromMs, toMs }: Moment, possible: readonly Cause[]): string[] {
  if (possible.some(({ kind }) => kind === 'memory')) return [];
  const tookMs = Math.round(record.endedAtMs - fromMs);
  const allowedMs = Math.round(toMs - fromMs + BUDGET_MS);
  return tookMs <= allowedMs ? [] : [`${tookMs} ms from the cause to the end, ${allowedMs} allowed`];
}
