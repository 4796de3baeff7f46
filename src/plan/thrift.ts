import { allocator } from './allocator.ts';
import { imageLimits } from './image-limits.ts';
import type { Place, Quota } from './place.ts';
import { singleMode } from './puma-workers.ts';
import { rubyGc } from './ruby-gc.ts';
import type { Settings } from './settings.ts';
import type { ChildKind, EnvironmentChange, Thrift } from './spec.ts';

/** The variables that we set for a child because the admin did not. isAlone: nothing else runs in this dyno. */
export function thriftOf(kind: ChildKind, settings: Settings, place: Place, isAlone: boolean): Thrift[] {
  switch (kind) {
    case 'puma':
      return [
        ...allocator(settings, place),
        ...rubyGc(settings),
        ...singleMode(settings, place.quota),
        ...imageLimits(settings, place.quota),
      ];
    case 'sidekiq':
      return [...allocator(settings, place), ...rubyGc(settings), ...imageLimits(settings, place.quota)];
    case 'streaming':
      return heapLimit(settings, place.quota, isAlone);
  }
}

export function environmentOf(thrift: readonly Thrift[]): EnvironmentChange {
  return Object.fromEntries(thrift.map(({ variable, value }) => [variable, value]));
}

/** Under it streaming would not even start. */
const LEAST_HEAP_MB = 64;

/** V8 takes its limit from the machine's memory, which is not the dyno's: it would collect garbage only after the dyno
 * has begun to swap. MB, as Node counts them. */
function heapLimit({ NODE_OPTIONS }: Settings, quota: Quota | null, isAlone: boolean): Thrift[] {
  if (quota === null || /--max[-_]old[-_]space[-_]size/.test(NODE_OPTIONS ?? '')) return [];
  const [part, share] = isAlone ? [2, 'half'] : [4, 'a quarter of'];
  const megabytes = Math.floor(quota.bytes / part / 2 ** 20);
  const limit = `--max-old-space-size=${megabytes}`;
  if (megabytes < LEAST_HEAP_MB) return [];
  const value = NODE_OPTIONS === null ? limit : `${NODE_OPTIONS} ${limit}`;
  return [{ variable: 'NODE_OPTIONS', value, why: `${share} the quota for its heap` }];
}
