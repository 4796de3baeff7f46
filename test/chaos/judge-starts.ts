import { slackOf, type Cause } from './causes.ts';
import { isFirst, type Life } from './lives.ts';
import type { TinyRecord } from './record.ts';

/** From fork to a child's first word. */
const FIRST_WORD_MS = 300;

/** A stop starts nothing any more: no sidekiq that waited, nothing that was recycled, no streaming that somebody wants. Whatever was
 * the cause, the last of all that can have been was heard of by then. */
export function judgeStarts(record: TinyRecord, lives: readonly Life[], possible: readonly Cause[]): string[] {
  const stopsMs = possible.map(({ toMs }) => toMs).filter((toMs) => toMs < Infinity);
  const untilMs = Math.max(...stopsMs) + slackOf(record) + FIRST_WORD_MS;
  return lives
    .filter((life) => stopsMs.length > 0 && isFirst(life) && life.startedAtMs > untilMs)
    .map(({ child }) => `${child} was started after the stop`);
}
