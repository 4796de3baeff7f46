import { slackOf } from './causes.ts';
import { endsUnasked, isFirst, livesOf, type Life } from './lives.ts';
import type { TinyRecord } from './record.ts';
import { natureOf, type Story } from './story.ts';

/** Of a supervisor that is killed: the kernel TERMs its children, and they drain. A limit: it TERMs the leaders only, so their
 * daemons, and the work behind a start script, are nobody's then, and nothing is asked of them here. */
export function judgeKilled(story: Story, record: TinyRecord): string[] {
  const slackMs = slackOf(record);
  const firsts = livesOf(record).filter(
    (life) => isFirst(life) && life.killedAtMs === null && !isBornLater(life, record),
  );
  const left = new Set(record.processesLeft.map(({ pid }) => pid));
  return firsts
    .filter((life) => life.frozenAtMs.length === 0 && !endsUnasked(life))
    .flatMap((life) => judgeChild(story, record, life, left.has(life.pid), slackMs));
}

function judgeChild(story: Story, { endedAtMs }: TinyRecord, life: Life, isLeft: boolean, slackMs: number): string[] {
  const { term } = natureOf(story, life.child);
  if (life.is === 'waiter') return isLeft ? [`${life.child} was left by a killed supervisor`] : [];
  const [askedAtMs] = life.termsAtMs;
  if (askedAtMs === undefined && life.ended === null && isLeft) return [`${life.child} got no TERM from the kernel`];
  if (askedAtMs !== undefined && askedAtMs > endedAtMs + slackMs + 100) return [`${life.child} got its TERM late`];
  const drains = term.how !== 'ignore' && term.afterMs < 500;
  return isLeft && drains ? [`${life.child} was left by a killed supervisor`] : [];
}

/** It was being started: another limit that docs/termination.md names. */
function isBornLater({ startedAtMs }: Life, { done }: TinyRecord): boolean {
  return done.some(({ what, atMs }) => what.do === 'kill' && what.whom === 'supervisor' && startedAtMs > atMs);
}
