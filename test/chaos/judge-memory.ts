import { slackOf, type Moment } from './causes.ts';
import { livesOf } from './lives.ts';
import { factsIn, type TinyRecord } from './record.ts';
import { natureOf, type ChildName, type Story } from './story.ts';

/** So long the guard has for its look, its exact reading and its deed. */
const ACTS_WITHIN_MS = 2500;
const DEEDS = ['ending', 'recycling', 'saving'];

/** A helper that holds more than relieve allows is ended, or something is restarted for it; above save something always is,
 * or the dyno ends for memory. */
export function judgeMemory(story: Story, record: TinyRecord, cause: Moment): string[] {
  if (story.memory === 'off' || record.end.code === 75 || hasActed(story, record, cause)) return [];
  const untilMs = Math.min(cause.fromMs, record.endedAtMs) - ACTS_WITHIN_MS - slackOf(record);
  return record.ledger
    .filter(({ name, what, atMs }) => isDue(story, name as ChildName, what) && atMs < untilMs)
    .map(
      ({ name, atMs }) => `${name} grew ${Math.round(record.endedAtMs - atMs)} ms before the end, and nothing was done`,
    );
}

/** A child that grows itself can only be restarted from `relieve` on if it was ready before: that is left open here. */
function isDue(story: Story, name: ChildName, what: string): boolean {
  if (what.startsWith('helper ')) return true;
  return story.memory === 'save' && what === 'grow' && natureOf(story, name).grows?.what === 'self';
}

function hasActed(story: Story, record: TinyRecord, cause: Moment): boolean {
  if (record.ledger.some(({ what }) => what === 'helper-ended')) return true;
  if (factsIn(record.output).some(isDeed)) return true;
  const growing = livesOf(record).filter(({ child }) => natureOf(story, child).grows !== null);
  // Ended with its child, or of one that cannot tell.
  return growing.some(
    ({ askedAtMs, killedAtMs, frozenAtMs, ended }) =>
      ended?.unasked || (askedAtMs ?? Infinity) < cause.fromMs || killedAtMs !== null || frozenAtMs.length > 0,
  );
}

/** Streaming that is put to rest because nobody asks for it says no why. */
function isDeed(fact: { [field: string]: unknown }): boolean {
  return DEEDS.includes(String(fact.fact)) || (fact.fact === 'resting' && 'why' in fact);
}
