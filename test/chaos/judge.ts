import { constants } from 'node:os';
import { BUDGET_MS, type Record } from './play.ts';
import type { ChildName, Story } from './story.ts';

/** What lies so near together may be heard in either order. */
const NEAR_MS = 300;
/** Before Node runs our first line, a signal is the kernel's affair. */
const BOOT_MS = 400;
/** What a busy machine may add to the budget. */
const LATE_MS = 700;
/** What is left for children once the supervisor has taken its part of the budget. */
const CHILDREN_MS = BUDGET_MS - 1500;

type Cause =
  | { kind: 'signal'; atMs: number; signal: NodeJS.Signals }
  | { kind: 'child'; atMs: number; child: ChildName; status: number };

/** Every invariant that a story has broken, in words; derived from what we did and what the children wrote, and from
 * docs/termination.md, not from the supervisor's code. */
export function judge(story: Story, record: Record): string[] {
  if (record.done.some(({ what }) => what.do === 'kill' && what.whom === 'supervisor')) return judgeKilled(record);
  const causes = causesOf(record);
  const first = causes[0];
  if (first === undefined) return ['it ended, and nothing that we know of was the cause'];
  if (isEndedAtBoot(record, causes)) return [];
  const possible = causes.filter(({ atMs }) => atMs <= first.atMs + NEAR_MS);
  return [
    ...judgeCode(story, record, possible, first.atMs),
    ...judgeBudget(record, first.atMs),
    ...judgeLastLine(record, possible),
    ...record.processesLeft.filter((pid) => !isBeyondUs(story, record, pid)).map((pid) => `process ${pid} was left`),
    ...record.filesLeft.map((file) => `${file} was left`),
  ];
}

/** The kernel TERMs the children of a supervisor that is killed; what they make of it is theirs. */
function judgeKilled({ end, facts }: Record): string[] {
  const isOver = end.signal === 'SIGKILL' || facts.some(({ fact }) => fact === 'outcome');
  return isOver ? [] : [`the supervisor was killed, and ended with ${JSON.stringify(end)}`];
}

/** In the order of time: stops that we sent, and ends that nobody asked for. */
function causesOf({ done, ledger }: Record): Cause[] {
  const signals = done.flatMap(({ atMs, what }): Cause[] =>
    what.do === 'stop' ? [{ kind: 'signal', atMs, signal: what.signal }] : [],
  );
  const kills = done.flatMap(({ atMs, what }): Cause[] =>
    what.do === 'kill' && what.whom !== 'supervisor' ? [{ kind: 'child', atMs, child: what.whom, status: 137 }] : [],
  );
  const ends = ledger.flatMap(({ name, what, atMs }): Cause[] => {
    const [how, value = ''] = what.split(' ');
    if (how === 'exit') return [{ kind: 'child', atMs, child: name, status: Number(value) || 1 }];
    if (how !== 'kill') return [];
    return [{ kind: 'child', atMs, child: name, status: 128 + constants.signals[value as NodeJS.Signals] }];
  });
  return [...signals, ...kills, ...ends].sort((one, other) => one.atMs - other.atMs);
}

/** Of several signals the kernel delivers the one with the lower number first. */
function isEndedAtBoot({ end, startedAtMs }: Record, causes: readonly Cause[]): boolean {
  return causes.some(
    (cause) => cause.kind === 'signal' && end.signal === cause.signal && cause.atMs - startedAtMs < BOOT_MS,
  );
}

function judgeCode(story: Story, record: Record, possible: readonly Cause[], sinceMs: number): string[] {
  const codes = new Set(
    possible.flatMap((cause) => (cause.kind === 'child' ? [cause.status] : asked(story, record, sinceMs))),
  );
  const { code, signal } = record.end;
  if (code !== null && codes.has(code)) return [];
  return [`exit code ${code ?? signal ?? '?'}, expected one of ${[...codes].join(', ')}`];
}

/** 0, or 137 where something had to be killed; both where that is a matter of moments. */
function asked(story: Story, record: Record, sinceMs: number): number[] {
  const isTwice = record.done.filter(({ what }) => what.do === 'stop' && what.signal === 'SIGINT').length > 1;
  const names: ChildName[] = story.hasWorker ? ['puma', 'sidekiq'] : ['puma'];
  const musts = names.map((name) => needsKill(story, name));
  const wasHurt = record.done.some(({ atMs, what }) => what.do === 'kill' && atMs >= sinceMs - NEAR_MS);
  const endsItself = names.some((name) => story[name].end?.how === 'kill' && story[name].end.signal === 'SIGKILL');
  const isUp = (name: ChildName): boolean => record.ledger.some((one) => one.name === name && one.what === 'up');
  if (isTwice || wasHurt || endsItself || names.some((name) => !isUp(name)) || musts.includes('maybe')) return [0, 137];
  return musts.includes('yes') ? [0, 137].filter((code) => code === 137 || hasEndedItself(story, names)) : [0];
}

function hasEndedItself(story: Story, names: readonly ChildName[]): boolean {
  return names.some((name) => story[name].end !== null);
}

function needsKill(story: Story, name: ChildName): 'yes' | 'no' | 'maybe' {
  const { term, daemon } = story[name];
  if (daemon === 'ignore') return 'maybe'; // It may not have been started yet.
  if (term.how === 'ignore') return 'yes';
  if (term.afterMs > BUDGET_MS) return 'yes';
  return term.afterMs > CHILDREN_MS - NEAR_MS ? 'maybe' : 'no';
}

/** A limit that docs/termination.md names: without our environment, our session and its parent, between two looks. */
function isBeyondUs(story: Story, { ledger, done }: Record, pid: number): boolean {
  const parent = ledger.find(({ what }) => what === `daemon ${pid}`)?.name;
  if (parent === undefined || story[parent].daemon !== 'bare') return false;
  return story[parent].end !== null || done.some(({ what }) => what.do === 'kill' && what.whom === parent);
}

function judgeBudget({ endedAtMs }: Record, sinceMs: number): string[] {
  const tookMs = Math.round(endedAtMs - sinceMs);
  return tookMs <= BUDGET_MS + LATE_MS ? [] : [`${tookMs} ms from the cause to the end, ${BUDGET_MS} allowed`];
}

function judgeLastLine({ facts, wasStalled, end }: Record, possible: readonly Cause[]): string[] {
  const last = facts.at(-1);
  if (wasStalled) return []; // Nobody read it.
  if (last?.fact !== 'outcome') return [`the last line is no outcome: ${JSON.stringify(last)}`];
  const isTrue = possible.some((cause) =>
    cause.kind === 'signal' ? last.cause === 'signal' : last.cause === 'child-exited' && last.child === cause.child,
  );
  const problems = isTrue ? [] : [`the last line tells another cause: ${String(last.msg)}`];
  return last.code === end.code
    ? problems
    : [...problems, `the last line says code ${String(last.code)}, not ${String(end.code)}`];
}
