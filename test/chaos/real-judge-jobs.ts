import { causesOf, sidekiqHurtAtMs } from './real-causes.ts';
import { GIVE_BACK_MS, SIDEKIQ_THREADS, type Entry, type RealRecord } from './real-record.ts';

/** Sidekiq gives jobs back some moments after its time is up; a job that ends in them is done and waits again. */
const AROUND_MS = 1500;
/** From its TERM to its last word. */
const REDIS_ENDS_MS = 500;

/**
 * No job is lost, and none is done twice. Sidekiq without Pro promises less in four cases, and nothing more than them is
 * let pass: those in hand when somebody ends it by force, those in hand when it cannot reach Redis to give them back, those that Redis
 * took out of the queue as it ended and gave to nobody, and one that ends in the moment in which it is given back.
 */
export function judgeJobs(record: RealRecord): string[] {
  const jobs = record.enqueued.map((job) => fateOf(job, record));
  const lost = jobs.filter(({ finished, waits }) => finished.length === 0 && waits === 0);
  const twice = jobs.filter(({ finished, waits }) => finished.length + waits > 1);
  return [
    ...judgeLost(lost, record),
    ...twice
      .filter(({ finished, waits }) => waits > 1 || finished.length > 1 || !isGivenBackAt(finished[0], record))
      .map(({ jid, finished, waits }) => `job ${jid} was done ${finished.length} times and waits ${waits} times`),
  ];
}

type Fate = {
  jid: string;
  enqueuedAtMs: number;
  entries: readonly Entry[];
  finished: readonly number[];
  waits: number;
};

function fateOf({ jid, atMs }: RealRecord['enqueued'][number], { ledger, waiting }: RealRecord): Fate {
  const entries = ledger.filter(({ id }) => id === jid);
  const finished = entries.filter(({ what }) => what === 'finished').map(({ atMs }) => atMs);
  return { jid, enqueuedAtMs: atMs, entries, finished, waits: waiting.filter((id) => id === jid).length };
}

/** Where jobs may be lost at all, as many as sidekiq has threads: each has one in hand, started or just fetched. */
function judgeLost(lost: readonly Fate[], record: RealRecord): string[] {
  const hurtAtMs = sidekiqHurtAtMs(record);
  const excused = lost.filter(
    (job) => isInHandAt(job, hurtAtMs) || isOutOfReach(record) || isGoneWithRedis(job, record),
  );
  const strict = lost.filter((job) => !excused.includes(job)).map((job) => `job ${job.jid} is lost: ${tell(job)}`);
  if (excused.length <= SIDEKIQ_THREADS) return strict;
  return [...strict, `${excused.length} jobs are lost, and only ${SIDEKIQ_THREADS} could be in hand`];
}

/** Fetched before, and not yet at its end; a job that was only fetched has written nothing. */
function isInHandAt({ entries }: Fate, atMs: number): boolean {
  if (atMs === Infinity) return false;
  const last = entries.at(-1);
  return last === undefined || (last.what !== 'finished' && last.atMs <= atMs + AROUND_MS);
}

/** Redis was away when sidekiq's time was up. */
function isOutOfReach(record: RealRecord): boolean {
  const stops = [causesOf(record)[0]?.atMs ?? Infinity, ...tellsIn(record)];
  const downs = record.done.filter(({ what }) => what.do === 'restart redis');
  return downs.some(({ atMs, untilMs }) =>
    stops.some((stopMs) => untilMs >= stopMs && atMs <= stopMs + GIVE_BACK_MS + AROUND_MS),
  );
}

/** BRPOP takes a job out; a Redis that ends before the reply has left takes it along. */
function isGoneWithRedis({ entries, enqueuedAtMs }: Fate, { done }: RealRecord): boolean {
  const ends = done.filter(({ what }) => what.do === 'restart redis').map(({ atMs }) => atMs);
  return entries.length === 0 && ends.some((atMs) => enqueuedAtMs <= atMs + REDIS_ENDS_MS);
}

/** When sidekiq alone was told to end. */
function tellsIn({ done }: RealRecord): number[] {
  return done.filter(({ what, parts }) => what.do === 'tell' && parts.includes('sidekiq')).map(({ atMs }) => atMs);
}

function isGivenBackAt(finishedAtMs: number | undefined, record: RealRecord): boolean {
  const stops = [...causesOf(record).map(({ atMs }) => atMs), ...tellsIn(record), record.endedAtMs];
  return finishedAtMs !== undefined && stops.some((atMs) => isAround(finishedAtMs, atMs + GIVE_BACK_MS));
}

function isAround(atMs: number, otherMs: number): boolean {
  return Math.abs(atMs - otherMs) <= AROUND_MS;
}

function tell({ entries }: Fate): string {
  const said = entries.map(({ what, pid, atMs }) => `${what} by ${pid} at ${atMs}`);
  return said.length === 0 ? 'it never started' : said.join(', ');
}
