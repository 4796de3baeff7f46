import { causesOf, isSupervisorKilled, pumaHurtAtMs } from './real-causes.ts';
import { CHILDREN_MS, type Done, type RealRecord, type Visit } from './real-record.ts';
import type { RealStory } from './real-story.ts';

/** From what the app does to what its client has. */
const WAY_MS = 1000;
const NEAR_MS = 50;

/** Each answer is the right one and whole, or a broken connection, or a documented refusal; and what is in flight in a stop
 * gets its answer, as docs/termination.md says, as long as nobody hurts whom it has to pass. */
export function judgeAnswers(story: RealStory, record: RealRecord): string[] {
  const due = dueIn(record);
  return record.visits.flatMap((visit) => {
    if (isAnswered(visit)) return [];
    const { id, gave } = visit;
    const said = due.get(id);
    return [
      ...(said === undefined ? [] : [`request ${id} was ${said}, and got ${tell(gave)}`]),
      // The puma of a supervisor that is killed drains longer than a visitor waits.
      ...(gave === 'no end' && !isSupervisorKilled(record)
        ? [`request ${id} was neither answered nor broken off`]
        : []),
      ...(typeof gave === 'object' && !isRefusal(story, record, visit, gave.status)
        ? [`request ${id} of ${visit.askedAtMs} got ${tell(gave)} at ${visit.endedAtMs}`]
        : []),
    ];
  });
}

/** A right answer in any case: what the app has given back, or had the time to give. */
function dueIn(record: RealRecord): Map<string, string> {
  const due = new Map<string, string>();
  if (isSupervisorKilled(record)) return due;
  const endMs = goodUntilMs(record);
  const lasts = new Map(record.visits.map(({ id, lastsMs }) => [id, lastsMs]));
  for (const { id, what, atMs } of record.ledger) {
    const doneMs = what === 'begun' ? atMs + (lasts.get(id) ?? 0) : atMs;
    const isSlowed = what === 'begun' && record.done.some(({ what: deed }) => deed.do === 'freeze');
    if ((what === 'begun' || what === 'given') && !isSlowed && doneMs + WAY_MS + record.lagMs < endMs) {
      due.set(id, `${what} by the app at ${atMs}`);
    }
  }
  return due;
}

/** So long puma is there to answer. */
function goodUntilMs(record: RealRecord): number {
  const stopMs = causesOf(record)[0]?.atMs ?? Infinity;
  return Math.min(pumaHurtAtMs(record), stopMs + CHILDREN_MS);
}

/** docs/one-dyno.md: 502 from an upstream that fails, is ended, or gets its TERM with requests still in its queue, a third
 * of the time after the stop; 503 where none will come; else the router waits. */
function isRefusal({ hasRouter }: RealStory, record: RealRecord, { endedAtMs }: Visit, status: number): boolean {
  if (!hasRouter) return false;
  const firstMs = (is: (one: Done) => boolean): number => record.done.find(is)?.atMs ?? Infinity;
  const stopMs = causesOf(record)[0]?.atMs ?? Infinity;
  const termMs = stopMs + CHILDREN_MS / 3 - NEAR_MS;
  const failMs = Math.min(
    goodUntilMs(record),
    termMs,
    firstMs(({ what, parts }) => 'signal' in what && parts.includes('puma')),
  );
  if (status === 502) return endedAtMs >= Math.min(failMs, firstMs(isRestartOfPuma));
  return status === 503 && endedAtMs >= Math.min(stopMs, failMs);
}

function isRestartOfPuma({ what }: Done): boolean {
  return what.do === 'tell' && (what.signal === 'SIGUSR1' || what.signal === 'SIGUSR2');
}

function isAnswered({ gave }: Visit): boolean {
  return typeof gave === 'object' && gave.status === 200 && gave.isRight;
}

function tell(gave: Visit['gave']): string {
  return typeof gave === 'string' ? gave : `${gave.status}, ${gave.isRight ? 'right' : 'a wrong body'}`;
}
