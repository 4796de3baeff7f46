import { endsWithItsTime, slackOf, type Moment } from './causes.ts';
import { interruptsIn, secondInterruptMs, surelySecond } from './interrupts.ts';
import { askedAtMs, endsUnasked, isFirst, wasKilledByDyno, type Life } from './lives.ts';
import { CHILDREN_MS, isUnread, type TinyRecord } from './record.ts';
import { whoMayRest } from './resting.ts';
import { isRouted, natureOf, type Story } from './story.ts';

/** Behind a router puma's TERM comes when no request is in flight, after a third of the time at the latest. */
const DRAIN_MS = CHILDREN_MS / 3;
/** What has left its child's session has so long after its TERM. */
const LEFTOVER_MS = 1000;
/** Until an end is noticed, and what is left behind looked up. */
const LOOK_MS = 300;
/** What a kill of everything may take. */
const KILL_TAKES_MS = 500;
/** A request of ours that is in flight holds a puma that drains. */
const REQUEST_MS = 400;

/** TERM to every child at the same time and not before; nothing is killed that would have ended in time. */
export function judgeStop(story: Story, record: TinyRecord, lives: readonly Life[], stop: Moment): string[] {
  const { fromMs, toMs } = stop;
  if (toMs === Infinity) return [];
  const resting = whoMayRest(story, record, lives, stop);
  const held = lives.filter((life) => !resting.has(life));
  return [
    ...held
      .filter(({ is }) => is === 'leader' || is === 'worker')
      .flatMap((life) => judgeAsking(story, record, life, fromMs, toMs)),
    ...judgeSecondInterrupt(story, record, toMs),
    ...held.filter(wasKilledByDyno).flatMap((life) => judgeKill(story, record, life, stop, lives)),
  ];
}

/** After a second INT or the time for children nothing is due any more; what may rest has its TERM for other reasons. */
function judgeAsking(story: Story, record: TinyRecord, life: Life, fromMs: number, toMs: number): string[] {
  const { child, is, termsAtMs, toldAtMs, ended, killedAtMs, frozenAtMs } = life;
  const early = termsAtMs.filter((atMs) => atMs < fromMs - 1);
  if (early.length > toldAtMs.length) return [`${child} got a TERM before there was a reason`];
  if (killedAtMs !== null || frozenAtMs.some((atMs) => atMs >= fromMs - slackOf(record))) return [];
  const dueMs = dueMsOf(story, record, life, toMs);
  if (ended !== null && endsUnasked(life) && ended.atMs <= dueMs) return [];
  const atMs = askedAtMs(life, fromMs);
  const isNeverDue =
    atMs === null &&
    (secondInterruptMs(record, slackOf(record)) <= dueMs || hasStoodStill(story, record, life, fromMs));
  const lateMs = Math.round((atMs ?? record.endedAtMs) - dueMs);
  if (isNeverDue || (lateMs <= 0 && atMs !== null)) return [];
  return [`${is} of ${child} got its TERM ${atMs === null ? 'never' : `${lateMs} ms late`}`];
}

function dueMsOf(story: Story, record: TinyRecord, { child, startedAtMs }: Life, toMs: number): number {
  const slackMs = slackOf(record) + (story.memory === 'off' ? 0 : 300);
  return Math.max(toMs, startedAtMs) + waitsMs(story, child) + slackMs;
}

/** From the stop to its TERM. What a start script leaves behind has that as soon as the script is seen to have ended at its own. */
function waitsMs(story: Story, child: Life['child']): number {
  const drainMs = child === 'puma' && isRouted(story) ? DRAIN_MS : 0;
  return drainMs + (natureOf(story, child).behind === null ? 0 : LOOK_MS);
}

/** The machine, from its TERM until the time for children was over: they are killed then. */
function hasStoodStill(story: Story, { lagMs }: TinyRecord, { child, startedAtMs }: Life, fromMs: number): boolean {
  return Math.max(0, startedAtMs - fromMs) + waitsMs(story, child) + lagMs >= CHILDREN_MS;
}

function judgeKill(story: Story, record: TinyRecord, life: Life, stop: Moment, lives: readonly Life[]): string[] {
  const { fromMs } = stop;
  const { child, is, startedAtMs, frozenAtMs } = life;
  const askedMs = askedAtMs(life, fromMs);
  const slackMs = slackOf(record);
  const { term, daemon, grows } = natureOf(story, child);
  const isDaemon = is === 'daemon' || is === 'heir';
  const ignores = isDaemon ? daemon?.kind === 'ignore' : term.how === 'ignore';
  if (ignores || is === 'heir' || (story.memory !== 'off' && grows !== null)) return [];
  if (frozenAtMs.some((atMs) => atMs >= fromMs - slackMs)) return [];
  // Below one that lives it has no TERM of its own, and goes with it.
  const isWithIt = (one: Life): boolean => wasKilledByDyno(one) || endsWithItsTime(one, stop, record, LOOK_MS);
  const isLate = lives.some((one) => one.child === child && doesWork(one) && isWithIt(one));
  // A fork of its parent still heard it, and forgot it in its exec.
  if (isDaemon && askedMs !== null && askedMs < startedAtMs) return [];
  if (askedMs === null) return isLate ? [] : [`${is} ${life.pid} of ${child} was killed without a TERM`];
  const needsMs = isDaemon || term.how === 'ignore' ? 0 : term.afterMs + (child === 'puma' ? REQUEST_MS : 0);
  if (askedMs + needsMs + slackMs >= killedFromMs(story, record, life, fromMs)) return [];
  return [`${is} ${life.pid} of ${child} was killed, and would have ended in time`];
}

/** A child, or the work behind its start script. */
function doesWork(life: Life): boolean {
  return isFirst(life) || life.is === 'worker';
}

/** Before that nothing is killed. */
function killedFromMs(story: Story, record: TinyRecord, life: Life, fromMs: number): number {
  const { child, is } = life;
  const askedMs = askedAtMs(life, fromMs);
  const isInSession = is === 'leader' || (is === 'worker' && natureOf(story, child).behind === 'script');
  const strayMs = isInSession || askedMs === null ? Infinity : askedMs + LEFTOVER_MS;
  return Math.min(fromMs + CHILDREN_MS, strayMs, secondInterruptMs(record, slackOf(record)));
}

/** Last lines that nobody reads have the time that is left. */
function judgeSecondInterrupt(story: Story, record: TinyRecord, toMs: number): string[] {
  const slackMs = slackOf(record);
  const interrupts = interruptsIn(record).filter(({ untilMs }) => untilMs > toMs - slackMs - 1);
  const second = surelySecond(interrupts, slackMs);
  if (second === undefined) return [];
  const endMs = isUnread(story, record) ? (record.ledger.at(-1)?.atMs ?? 0) : record.endedAtMs;
  const lateMs = Math.round(endMs - Math.max(second.untilMs, toMs) - KILL_TAKES_MS - slackMs);
  return lateMs <= 0 ? [] : [`a second INT did not end it at once, but ${lateMs} ms late`];
}
