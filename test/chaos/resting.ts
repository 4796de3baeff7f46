import { canBeRecycled, slackOf, type Moment } from './causes.ts';
import { endsUnasked, type Life } from './lives.ts';
import type { TinyRecord } from './record.ts';
import type { Story } from './story.ts';

/** Who can have been ended, even killed, while the dyno ran on: what the guard may restart; and of streaming on demand who had its TERM
 * before the stop, was gone before it, or had only just begun, with what such a one has left. */
export function whoMayRest(story: Story, record: TinyRecord, lives: readonly Life[], stop: Moment): Set<Life> {
  const own = lives.filter((life) => canBeRecycled(story, life.child) || mayRest(story, record, life, stop));
  const isOfOne = ({ child, is, startedAtMs }: Life): boolean =>
    (is === 'daemon' || is === 'heir') && own.some((one) => one.child === child && one.startedAtMs <= startedAtMs);
  return new Set([...own, ...lives.filter(isOfOne)]);
}

function mayRest(story: Story, record: TinyRecord, life: Life, { fromMs, toMs }: Moment): boolean {
  if (life.child !== 'streaming' || story.role !== 'web' || story.streaming !== 'on-demand') return false;
  // Above save the guard puts it to rest at any time.
  if (story.memory === 'save' || life.startedAtMs > fromMs - slackOf(record)) return true;
  const before = (times: readonly number[]): number => times.filter((atMs) => atMs < fromMs - 1).length;
  const fellAtMs = endsUnasked(life) ? life.ended?.atMs : null;
  const goneAtMs = Math.min(fellAtMs ?? Infinity, life.killedAtMs ?? Infinity);
  // The dyno may have heard of its end before it heard of the stop.
  return before(life.termsAtMs) > before(life.toldAtMs) || goneAtMs < toMs;
}
