import type { Quota } from './place.ts';
import { redact } from './redact.ts';
import type { Environment, Settings } from './settings.ts';
import type { ChildSpec, EnvironmentChange, Thrift } from './spec.ts';

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

/** Takes the value that a buildpack has set away from puma, and the marker with it: what puma starts must not read the
 * value that we set as the buildpack's. */
export function withoutBuildpackValue({ WEB_CONCURRENCY_SET_BY: buildpack }: Settings): EnvironmentChange {
  return buildpack === null ? {} : { WEB_CONCURRENCY: null, WEB_CONCURRENCY_SET_BY: null };
}

/** Says that the value of a buildpack is ignored. */
export function concurrencyNotes(children: readonly ChildSpec[], settings: Settings, env: Environment): string[] {
  const { WEB_CONCURRENCY_SET_BY: buildpack } = settings;
  const hasPuma = children.some(({ kind }) => kind === 'puma');
  if (!hasPuma || buildpack === null || !env.WEB_CONCURRENCY) return [];
  const value = redact(env.WEB_CONCURRENCY);
  return [
    `WEB_CONCURRENCY=${value} is ignored: the buildpack ${buildpack} set it; to choose the value, set the config var`,
  ];
}

function isSmall(quota: Quota | null): boolean {
  return quota !== null && quota.bytes <= SMALL;
}
