import { slackOf } from './causes.ts';
import { askedAtMs, endsUnasked, isFirst, livesOf, type Life } from './lives.ts';
import type { TinyRecord } from './record.ts';
import { natureOf, type Story } from './story.ts';

/** Of a supervisor that is killed: the kernel TERMs its children, and they drain. A limit: it TERMs the leaders only, so their
 * daemons, and the work behind a start script, are nobody's then, and nothing is asked of them here. */
export function judgeKilled(story: Story, record: TinyRecord): string[] {
  const killedAtMs = record.done.find(isKillOfSupervisor)?.atMs ?? record.endedAtMs;
  // Who is only being started hears nothing: another limit.
  const isThere = ({ startedAtMs }: Life): boolean => startedAtMs <= killedAtMs;
  const firsts = livesOf(record).filter((life) => isFirst(life) && life.killedAtMs === null && isThere(life));
  const left = new Set(record.processesLeft.map(({ pid }) => pid));
  return firsts
    .filter((life) => life.frozenAtMs.length === 0 && !endsUnasked(life))
    .flatMap((life) => judgeChild(story, record, life, left.has(life.pid), askedAtMs(life, killedAtMs)));
}

function judgeChild(story: Story, record: TinyRecord, life: Life, isLeft: boolean, askedMs: number | null): string[] {
  const { term } = natureOf(story, life.child);
  if (life.is === 'waiter') return isLeft ? [`${life.child} was left by a killed supervisor`] : [];
  if (askedMs === null && life.ended === null && isLeft) return [`${life.child} got no TERM from the kernel`];
  if (askedMs !== null && askedMs > record.endedAtMs + slackOf(record) + 100)
    return [`${life.child} got its TERM late`];
  const drains = term.how !== 'ignore' && term.afterMs < 500;
  return isLeft && drains ? [`${life.child} was left by a killed supervisor`] : [];
}

function isKillOfSupervisor({ what }: TinyRecord['done'][number]): boolean {
  return what.do === 'kill' && what.whom === 'supervisor';
}
