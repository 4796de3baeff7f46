import { constants } from 'node:os';
import { interruptsIn, possiblySecond, secondInterruptMs, surelySecond } from './interrupts.ts';
import { endsUnasked, isFirst, type Life } from './lives.ts';
import { CHILDREN_MS, type TinyRecord } from './record.ts';
import { castOf, isRouted, natureOf, type ChildName, type StopSignal, type Story } from './story.ts';

/** Between these two the supervisor came to know of something. */
export type Moment = { fromMs: number; toMs: number };

/** A reason to stop. */
export type Cause = Moment &
  (
    | { kind: 'signal'; signal: StopSignal }
    | { kind: 'child'; child: ChildName; code: number; mayBeAsked: boolean }
    | { kind: 'memory' }
  );

/** An end as TERM makes it counts as asked when our own TERM comes so soon after. */
export const BROADCAST_MS = 1000;
/** Who is up is asked whether it is so often at least. */
const SEEN_WITHIN_MS = 1000;
/** Node, from exec to where it hears signals. */
export const BOOT_MS = 300;

/** What this machine adds to a moment. */
export function slackOf({ lagMs }: Pick<TinyRecord, 'lagMs'>): number {
  return 60 + 2 * lagMs;
}

/** By itself or by our KILL, as the time for children ran out or a second INT came: with that the dyno may have killed it before it
 * was gone, and what it left `leadMs` before that. */
export function endsWithItsTime({ ended, killedAtMs }: Life, stop: Moment, record: TinyRecord, leadMs = 0): boolean {
  const slackMs = slackOf(record);
  const endedAtMs = ended?.atMs ?? killedAtMs;
  const timeOver = { fromMs: stop.fromMs + CHILDREN_MS, toMs: stop.toMs + CHILDREN_MS };
  const kills = [
    timeOver,
    ...possiblySecond(interruptsIn(record), slackMs).map(({ atMs, untilMs }) => ({ fromMs: atMs, toMs: untilMs })),
  ];
  return kills.some(
    ({ fromMs, toMs }) => endedAtMs !== null && endedAtMs >= fromMs - slackMs - leadMs && endedAtMs <= toMs + slackMs,
  );
}

/** Every reason that can have been the first one. */
export function possibleCauses(story: Story, record: TinyRecord, lives: readonly Life[]): Cause[] {
  const slackMs = slackOf(record);
  const certain = [...signals(record, slackMs), ...ends(story, lives, slackMs)];
  const all = [...certain, ...mayBe(story, record, lives, slackMs)];
  const stops = certain.filter((cause) => cause.kind === 'signal' && cause.signal === 'SIGTERM');
  const firstMs = Math.min(...certain.map(({ toMs }) => toMs));
  const first = all.filter(({ fromMs }) => fromMs <= firstMs);
  const inTime = stops.filter(({ toMs }) => toMs <= secondInterruptMs(record, slackMs));
  const finalMs = (surelySecond(interruptsIn(record), slackMs)?.untilMs ?? Infinity) + slackMs;
  const notLate = stops.filter(({ fromMs }) => fromMs <= finalMs);
  const kept = first.filter((cause) => !isAsked(cause, inTime));
  const instead = first.flatMap((cause) =>
    notLate.filter((stop) => canAsk(cause, stop)).map((stop) => ({ ...stop, ...earlier(stop, cause) })),
  );
  return [...kept, ...instead];
}

/** When the first of them was heard of. */
export function firstOf(causes: readonly Cause[]): Moment {
  return causes.reduce<Moment>(earlier, { fromMs: Infinity, toMs: Infinity });
}

/** The stop begins with what came first, whatever it is called in the end. */
function earlier(one: Moment, other: Moment): Moment {
  return { fromMs: Math.min(one.fromMs, other.fromMs), toMs: Math.min(one.toMs, other.toMs) };
}

function signals({ done, startedAtMs }: TinyRecord, slackMs: number): Cause[] {
  return done.flatMap(({ atMs, untilMs, what }): Cause[] => {
    if (what.do !== 'stop') return [];
    const toMs = Math.max(untilMs + slackMs, startedAtMs + BOOT_MS + slackMs);
    return [{ kind: 'signal', signal: what.signal, fromMs: atMs, toMs }];
  });
}

/** Ends that nobody asked for, told by the child before, or our doing. */
function ends(story: Story, lives: readonly Life[], slackMs: number): Cause[] {
  return lives
    .filter((life) => isFirst(life) && !mayFall(story, life.child, lives))
    .flatMap((life) => {
      const { child, is, ended, killedAtMs, toldAtMs } = life;
      return [
        ...(ended !== null && endsUnasked(life) ? [endOf(child, ended.atMs, ended.status, slackMs)] : []),
        ...(killedAtMs === null ? [] : [endOf(child, killedAtMs, 137, slackMs)]),
        // Who only waits has TERM as the kernel has it, and says nothing.
        ...(is === 'waiter' ? toldAtMs.slice(0, 1).map((atMs) => endOf(child, atMs, 143, slackMs)) : []),
      ];
    });
}

function endOf(child: ChildName, atMs: number, status: number, slackMs: number): Cause {
  const mayBeAsked = [0, 143].includes(status);
  return { kind: 'child', child, code: status === 0 ? 1 : status, mayBeAsked, fromMs: atMs, toMs: atMs + slackMs };
}

/** Whether its end need not be the dyno's: streaming on demand, and what the guard may be restarting. */
function mayFall(story: Story, child: ChildName, lives: readonly Life[]): boolean {
  if (child === 'streaming') return story.role === 'web' && story.streaming === 'on-demand';
  return canBeRecycled(story, child) && lives.filter((life) => life.child === child && isFirst(life)).length > 0;
}

export function canBeRecycled(story: Story, child: ChildName): boolean {
  const isGrowing = story.memory !== 'off' && natureOf(story, child).grows !== null;
  return isGrowing && (child === 'sidekiq' || (child === 'puma' && isRouted(story)));
}

/** What can have been a reason, and need not. */
function mayBe(story: Story, record: TinyRecord, lives: readonly Life[], slackMs: number): Cause[] {
  const restarting = lives.filter((life) => isLast(life, lives) && canBeRecycled(story, life.child));
  return [
    ...ends({ ...story, memory: 'off' }, restarting, slackMs),
    ...thirdFalls(story, lives, slackMs),
    ...endsWhileBooting(story, record, lives, slackMs),
    ...endsHeardFirst(record, lives, slackMs),
    ...memory(story, record),
  ];
}

/** Whoever has come back was no reason to stop. */
function isLast(life: Life, lives: readonly Life[]): boolean {
  const isNext = (one: Life): boolean => one.child === life.child && one.startedAtMs > life.startedAtMs;
  return isFirst(life) && !lives.some((one) => isFirst(one) && isNext(one));
}

/** Streaming on demand, the third time in a row before it was seen to be up. */
function thirdFalls(story: Story, lives: readonly Life[], slackMs: number): Cause[] {
  const isFall = ({ upAtMs, ended, killedAtMs }: Life): boolean =>
    upAtMs === null || Math.min(ended?.atMs ?? Infinity, killedAtMs ?? Infinity) < upAtMs + SEEN_WITHIN_MS + slackMs;
  const falls = lives.filter((life) => life.child === 'streaming' && isFirst(life) && isFall(life));
  if (falls.length < 3 || !mayFall(story, 'streaming', lives)) return [];
  const last = falls.filter((life) => isLast(life, lives));
  return ends({ ...story, streaming: 'inline' }, last, slackMs);
}

/** A child that cannot hear signals yet dies of one that all processes get. */
function endsWhileBooting(story: Story, { done }: TinyRecord, lives: readonly Life[], slackMs: number): Cause[] {
  return done.flatMap(({ atMs, what }): Cause[] => {
    if (what.do !== 'stop' || what.to === 'supervisor') return [];
    const hears = (child: ChildName): boolean =>
      lives.some((life) => isFirst(life) && life.child === child && life.startedAtMs < atMs);
    const code = 128 + constants.signals[what.signal];
    return castOf(story)
      .filter((child) => !hears(child))
      .map((child) => endOf(child, atMs, code, slackMs));
  });
}

/** Where all processes get a signal, a child's end may be heard before the supervisor's own; only 0 and 143 count as asked then. */
function endsHeardFirst({ done }: TinyRecord, lives: readonly Life[], slackMs: number): Cause[] {
  const broadcasts = done.filter(({ what }) => what.do === 'stop' && what.to !== 'supervisor');
  return lives.filter(isFirst).flatMap(({ child, ended }) => {
    const isHeard = broadcasts.some(({ atMs, untilMs }) => {
      return ended !== null && ended.atMs >= atMs && ended.atMs <= untilMs + slackMs;
    });
    return isHeard && ended !== null ? [endOf(child, ended.atMs, ended.status, slackMs)] : [];
  });
}

/** From the first growth on; when it is noticed is not ours to say. */
function memory({ memory }: Story, { ledger }: TinyRecord): Cause[] {
  const grown = ledger.find(({ what }) => what === 'grow');
  return memory === 'save' && grown ? [{ kind: 'memory', fromMs: grown.atMs, toMs: Infinity }] : [];
}

/** Surely, not only perhaps, the platform's TERM. */
function isAsked(cause: Cause, stops: readonly Cause[]): boolean {
  return cause.kind === 'child' && cause.mayBeAsked && stops.some(({ toMs }) => toMs <= cause.fromMs + BROADCAST_MS);
}

function canAsk(cause: Cause, { fromMs }: Cause): boolean {
  return cause.kind === 'child' && cause.mayBeAsked && fromMs <= cause.toMs + BROADCAST_MS;
}
