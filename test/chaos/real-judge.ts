import { BROADCAST_MS, slackOf } from './causes.ts';
import { surelySecond } from './interrupts.ts';
import { judgeAnswers } from './real-judge-answers.ts';
import { judgeJobs } from './real-judge-jobs.ts';
import { causesOf, frozenAtMs, intsIn, isSupervisorKilled, secondIntAtMs, type RealCause } from './real-causes.ts';
import { BUDGET_MS, CHILDREN_MS, type RealRecord } from './real-record.ts';
import type { Part, RealStory } from './real-story.ts';

/** What lies so near together may be heard in either order. */
const NEAR_MS = 300;
/** Before Node runs our first line, a signal is the kernel's affair. */
const BOOT_MS = 400;
/** What a busy machine may add to what is said of times. */
const LATE_MS = 700;
/** The same of the budget, of which 0.3 s are kept for just that. */
const OVER_MS = 100;
/** From a child's fork to its wish to hear of the supervisor's death, and what a busy machine adds to that at most. */
const STARTS_MS = 100;
const STARTS_LATE_MS = 500;
const PARTS: readonly Part[] = ['puma', 'sidekiq'];

/** Every invariant that a story has broken, in words; from what we did, what jobs and requests wrote, and
 * docs/termination.md, not from the supervisor's code. */
export function judgeReal(story: RealStory, seen: RealRecord): string[] {
  const record = canBreakPipe(story) ? seen : { ...seen, done: seen.done.filter(({ what }) => what.do !== 'close') };
  return [
    ...record.warnings,
    ...judgeEnd(record),
    ...judgeJobs(record),
    ...judgeAnswers(story, record),
    ...judgeLeft(record),
  ];
}

/** A limit that docs/termination.md names: the kernel TERMs no child whose start is under way as the supervisor is killed. */
function judgeLeft(record: RealRecord): string[] {
  const kill = record.done.find(({ what }) => what.do === 'kill' && what.whom === 'supervisor');
  const startsMs = STARTS_MS + Math.min(record.lagMs, STARTS_LATE_MS);
  const bornMs = isSupervisorKilled(record) && kill !== undefined ? kill.atMs - startsMs : Infinity;
  const left = record.processesLeft.filter(({ bornAtMs }) => bornAtMs < bornMs);
  return left.map(({ what }) => `process ${what} was left`);
}

/** Whether a log that is closed can be the end of puma: only in cluster mode or with Rails, and where the log is its own stdout. */
function canBreakPipe({ role, hasCluster, isRails, hasPrefix }: RealStory): boolean {
  return role === 'web' && (hasCluster || isRails) && !hasPrefix;
}

function judgeEnd(record: RealRecord): string[] {
  if (isSupervisorKilled(record)) return judgeKilled(record);
  const files = record.filesLeft.map((file) => `${file} was left`);
  const causes = causesOf(record);
  const first = causes[0];
  if (first === undefined) return ['it ended, and nothing that we know of was the cause', ...files];
  if (isEndedAtBoot(record, causes)) return files;
  const nearMs = NEAR_MS + record.lagMs;
  const possible = causes.filter((cause) => cause.atMs <= first.atMs + nearMs || mayAsk(cause, first, record));
  return [
    ...judgeCode(record, possible, first.atMs),
    ...judgeBudget(record, first.atMs),
    ...judgeLastLine(record, possible),
    ...files,
  ];
}

/** A TERM of ours soon after the end of a part that was told to end, and before a second INT: one to all, says
 * docs/termination.md. */
function mayAsk(cause: RealCause, first: RealCause, record: RealRecord): boolean {
  if (first.kind !== 'child' || cause.kind !== 'signal' || cause.signal !== 'SIGTERM') return false;
  const slackMs = slackOf(record);
  const finalMs = Math.min(first.atMs + BROADCAST_MS, surelySecond(intsIn(record), slackMs)?.untilMs ?? Infinity);
  return first.mayBeAsked && cause.atMs <= finalMs + slackMs;
}

/** A folder of sockets stays then: docs/one-dyno.md, Limits. */
function judgeKilled({ done }: RealRecord): string[] {
  const isOurs = done.some(({ what }) => what.do === 'kill' && what.whom === 'supervisor');
  return isOurs ? [] : ['the supervisor ended by SIGKILL, and we did not send it'];
}

function isEndedAtBoot({ end, startedAtMs, facts, lagMs }: RealRecord, causes: readonly RealCause[]): boolean {
  return causes.some(
    (cause) =>
      cause.kind === 'signal' &&
      end.signal === cause.signal &&
      cause.atMs - startedAtMs < BOOT_MS + lagMs &&
      facts.length === 0,
  );
}

function judgeCode(record: RealRecord, possible: readonly RealCause[], sinceMs: number): string[] {
  const { code, signal } = record.end;
  const last = record.reader === 'reads' ? record.facts.at(-1) : undefined;
  const told = possible.filter((cause) => last !== undefined && tells(last, cause));
  const codes = new Set((told.length > 0 ? told : possible).flatMap((cause) => codesOf(record, cause, sinceMs)));
  if (code !== null && codes.has(code)) return [];
  return [`exit code ${code ?? signal ?? '?'}, expected one of ${[...codes].join(', ')}`];
}

function codesOf(record: RealRecord, cause: RealCause, sinceMs: number): readonly number[] {
  if (cause.kind === 'child') return cause.statuses;
  return mayNeedKill(record, sinceMs) ? [0, 137] : [0];
}

/** Somebody hurt a part while it stopped, by a HUP to all too, or a request is too long for the budget. Jobs never are: sidekiq
 * gives up. */
function mayNeedKill({ done, visits, ledger, end, lagMs }: RealRecord, sinceMs: number): boolean {
  if (secondIntAtMs({ done, lagMs }) < Infinity) return true;
  if (done.some(({ what }) => what.do === 'stop' && what.signal === 'SIGHUP' && what.toAll)) return true;
  if (PARTS.some((part) => frozenAtMs({ done, ledger, end, lagMs }, part) < Infinity)) return true;
  if (done.some(({ atMs, what }) => what.do === 'kill' && atMs >= sinceMs - NEAR_MS)) return true;
  const lasts = new Map(visits.map(({ id, lastsMs }) => [id, lastsMs]));
  return ledger.some(
    ({ id, what, atMs }) => what === 'begun' && atMs + (lasts.get(id) ?? 0) > sinceMs + CHILDREN_MS - LATE_MS,
  );
}

function judgeBudget({ endedAtMs, lagMs }: RealRecord, sinceMs: number): string[] {
  const tookMs = Math.round(endedAtMs - sinceMs);
  const mostMs = BUDGET_MS + OVER_MS + lagMs;
  return tookMs <= mostMs ? [] : [`${tookMs} ms from the cause to the end, ${BUDGET_MS} allowed`];
}

function judgeLastLine({ facts, reader, end }: RealRecord, possible: readonly RealCause[]): string[] {
  if (reader !== 'reads') return []; // Nobody read it, or not for sure.
  const last = facts.at(-1);
  if (last?.fact !== 'outcome') return [`the last line is no outcome: ${JSON.stringify(last)}`];
  const isTrue = possible.some((cause) => tells(last, cause));
  return [
    ...(isTrue ? [] : [`the last line tells another cause: ${String(last.msg)}`]),
    ...(last.code === end.code ? [] : [`the last line says code ${String(last.code)}, not ${String(end.code)}`]),
  ];
}

function tells(last: RealRecord['facts'][number], cause: RealCause): boolean {
  if (cause.kind === 'child') return last.cause === 'child-exited' && last.child === cause.child;
  return (
    last.cause === 'signal' &&
    last.signal === cause.signal &&
    String(last.msg).startsWith(`asked to stop by ${cause.signal}`)
  );
}
