import { firstOf, possibleCauses, slackOf } from './causes.ts';
import { secondInterruptMs } from './interrupts.ts';
import { askedAtMs, endsUnasked, isFirst, livesOf, type Life } from './lives.ts';
import { CHILDREN_MS, type TinyRecord } from './record.ts';
import { whoMayRest } from './resting.ts';
import { natureOf, type Story } from './story.ts';

/** Of a supervisor that is killed: the kernel TERMs its children, and they drain. A limit: it TERMs the leaders only, so their
 * daemons, and the work behind a start script, are nobody's then, and nothing is asked of them here. */
export function judgeKilled(story: Story, record: TinyRecord): string[] {
  const killedAtMs = record.done.find(isKillOfSupervisor)?.atMs ?? record.endedAtMs;
  // Who is only being started hears nothing: another limit.
  const isThere = ({ startedAtMs }: Life): boolean => startedAtMs <= killedAtMs;
  const lives = livesOf(record);
  const firsts = lives.filter((life) => isFirst(life) && life.killedAtMs === null && isThere(life));
  const left = new Set(record.processesLeft.map(({ pid }) => pid));
  const mayBeKilled = whoMayBeKilled(story, record, lives, killedAtMs);
  return firsts
    .filter((life) => life.frozenAtMs.length === 0 && !endsUnasked(life))
    .filter((life) => !mayBeKilled.has(life) || left.has(life.pid) || askedAtMs(life, killedAtMs) !== null)
    .flatMap((life) => judgeChild(story, record, life, left.has(life.pid), askedAtMs(life, killedAtMs)));
}

/** By the dyno before it was killed itself: as the time for children was over, or a second INT came, or since it was at rest. */
function whoMayBeKilled(story: Story, record: TinyRecord, lives: readonly Life[], killedAtMs: number): Set<Life> {
  const stop = firstOf(possibleCauses(story, record, lives));
  const overMs = Math.min(stop.fromMs + CHILDREN_MS, secondInterruptMs(record, slackOf(record)));
  if (overMs <= killedAtMs + slackOf(record)) return new Set(lives);
  return whoMayRest(story, record, lives, { fromMs: killedAtMs, toMs: killedAtMs });
}

function judgeChild(story: Story, record: TinyRecord, life: Life, isLeft: boolean, askedMs: number | null): string[] {
  const { term } = natureOf(story, life.child);
  if (life.is === 'waiter') return isLeft ? [`${life.child} was left by a killed supervisor`] : [];
  if (askedMs === null && life.ended === null) return [`${life.child} got no TERM from the kernel`];
  if (askedMs !== null && askedMs > record.endedAtMs + slackOf(record) + 100)
    return [`${life.child} got its TERM late`];
  const drains = term.how !== 'ignore' && term.afterMs < 500;
  return isLeft && drains ? [`${life.child} was left by a killed supervisor`] : [];
}

function isKillOfSupervisor({ what }: TinyRecord['done'][number]): boolean {
  return what.do === 'kill' && what.whom === 'supervisor';
}
