import { causesOf, isSupervisorKilled, pumaHurtAtMs } from './real-causes.ts';
import { CHILDREN_MS, type RealRecord, type Visit } from './real-record.ts';
import type { RealStory } from './real-story.ts';

/** What the router says where nobody can answer: docs/one-dyno.md. */
const REFUSALS = [502, 503];
/** Between what the app gives and what its client has. */
const WAY_MS = 1000;

/** Each answer is the right one and whole, or a broken connection, or a documented refusal; and what the app has given
 * back in time reaches who asked, as docs/termination.md says of requests in flight. */
export function judgeAnswers(story: RealStory, record: RealRecord): string[] {
  const given = new Map(
    record.ledger.filter(({ what }) => what === 'given').map(({ id, atMs }) => [id, atMs] as const),
  );
  return record.visits.flatMap((visit) => [
    ...judgeAnswer(story, visit),
    ...(mustArrive(given.get(visit.id), record) && !isAnswered(visit)
      ? [`request ${visit.id} was answered by the app at ${given.get(visit.id) ?? 0}, and got ${tell(visit)}`]
      : []),
  ]);
}

function judgeAnswer({ hasRouter }: RealStory, visit: Visit): string[] {
  const { id, gave } = visit;
  if (gave === 'nothing') return [];
  if (gave === 'no end') return [`request ${id} was neither answered nor broken off`];
  if (isAnswered(visit)) return [];
  if (hasRouter && REFUSALS.includes(gave.status)) return [];
  return [`request ${id} got ${tell(visit)}`];
}

function isAnswered({ gave }: Visit): boolean {
  return typeof gave === 'object' && gave.status === 200 && gave.isRight;
}

/** Nobody was there to hurt whom it had to pass. */
function mustArrive(givenAtMs: number | undefined, record: RealRecord): boolean {
  if (givenAtMs === undefined || isSupervisorKilled(record)) return false;
  const stopMs = causesOf(record)[0]?.atMs ?? Infinity;
  const killedAtMs = Math.min(pumaHurtAtMs(record), stopMs + CHILDREN_MS);
  return givenAtMs + WAY_MS < killedAtMs;
}

function tell({ gave }: Visit): string {
  return typeof gave === 'string' ? gave : `${gave.status}, ${gave.isRight ? 'right' : 'a wrong body'}`;
}
