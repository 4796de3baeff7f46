import type { Done, RealRecord } from './real-record.ts';
import type { RealDeed, RealStory } from './real-story.ts';

export const realStory: RealStory = {
  ...{ role: 'web', hasWorker: true, hasRouter: true, isRails: false, hasCluster: false },
  ...{ waits: false, hasPrefix: false, isBusy: false, happenings: [] },
  jobs: { everyMs: 100, kinds: [] },
  visits: { everyMs: 100, kinds: [] },
};
/** The stop; the start is at 1000. */
export const REAL_STOP_MS = 10_000;
export const term: RealDeed = { do: 'stop', signal: 'SIGTERM', toAll: false };
export const asked = { fact: 'outcome', cause: 'signal', signal: 'SIGTERM', code: 0, msg: 'asked to stop by SIGTERM' };

/** A dyno that was asked to stop, and did within a second. */
export function realRecord(more: Partial<RealRecord> = {}): RealRecord {
  return {
    ...{ startedAtMs: 1000, endedAtMs: REAL_STOP_MS + 1000, end: { code: 0, signal: null }, done: [done(term)] },
    ...{ facts: [asked], warnings: [], reader: 'reads', enqueued: [], waiting: [], visits: [], ledger: [] },
    ...{ processesLeft: [], filesLeft: [], lagMs: 0 },
    ...more,
  };
}

export function done(what: RealDeed, atMs = REAL_STOP_MS, parts: Done['parts'] = []): Done {
  return { atMs, untilMs: atMs + 2, what, parts, goneAtMs: null };
}
