import type { Quota } from './place.ts';
import type { Settings } from './settings.ts';
import type { Thrift } from './spec.ts';

/** What upstream's config/puma.rb takes when WEB_CONCURRENCY is unset. */
const UPSTREAM = 2;
/** Bytes. A dyno up to this size has no room for a master beside its worker. */
const SMALL = 512 * 2 ** 20;

/** Worker processes of puma; 0 is its single mode. */
export function pumaWorkers(settings: Settings, quota: Quota | null): number {
  return settings.WEB_CONCURRENCY ?? (isSmall(quota) ? 0 : UPSTREAM);
}

/** The processes of puma that have threads and pools of their own: the master of a cluster has none. */
export function pumaProcesses(settings: Settings, quota: Quota | null): number {
  return Math.max(1, pumaWorkers(settings, quota));
}

export function singleMode(settings: Settings, quota: Quota | null): Thrift[] {
  if (settings.WEB_CONCURRENCY !== null || !isSmall(quota)) return [];
  return [
    { variable: 'WEB_CONCURRENCY', value: '0', why: 'one process serves a small dyno: a cluster is two or three' },
  ];
}

function isSmall(quota: Quota | null): boolean {
  return quota !== null && quota.bytes <= SMALL;
}
