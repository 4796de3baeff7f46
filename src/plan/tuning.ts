import { redact } from '../config/shell-words.ts';
import type { Environment, Settings } from '../config/settings.ts';
import type { Machine, Quota } from './machine.ts';
import { rubyGcVariables } from './ruby-gc.ts';
import type { ChildKind, ChildSpec, EnvironmentChange, TuningVariable } from './spec.ts';

/** The variables to set for a child, because the user did not set them. isAlone: no other child runs in this dyno. */
export function tuningFor(kind: ChildKind, settings: Settings, machine: Machine, isAlone: boolean): TuningVariable[] {
  switch (kind) {
    case 'puma':
      return [
        ...allocatorVariables(settings, machine),
        ...rubyGcVariables(settings),
        ...singleModeVariables(settings, machine.quota),
        ...imageLimitVariables(settings, machine.quota),
      ];
    case 'sidekiq':
      return [
        ...allocatorVariables(settings, machine),
        ...rubyGcVariables(settings),
        ...imageLimitVariables(settings, machine.quota),
      ];
    case 'streaming':
      return heapLimitVariables(settings, machine.quota, isAlone);
  }
}

export function environmentOf(tuning: readonly TuningVariable[]): EnvironmentChange {
  return Object.fromEntries(tuning.map(({ variable, value }) => [variable, value]));
}

/** With less, streaming would not start. */
const MIN_HEAP_MB = 64;

/** V8 derives its heap limit from the memory of the machine, which is larger than the dyno's. It would collect
 * garbage only after the dyno has begun to swap. In MB of 2^20 bytes, like Node's option. */
function heapLimitVariables({ NODE_OPTIONS }: Settings, quota: Quota | null, isAlone: boolean): TuningVariable[] {
  if (quota === null || /--max[-_]old[-_]space[-_]size/.test(NODE_OPTIONS ?? '')) return [];
  const [divisor, share] = isAlone ? [2, 'half'] : [4, 'a quarter of'];
  const megabytes = Math.floor(quota.bytes / divisor / 2 ** 20);
  const limit = `--max-old-space-size=${megabytes}`;
  if (megabytes < MIN_HEAP_MB) return [];
  const value = NODE_OPTIONS === null ? limit : `${NODE_OPTIONS} ${limit}`;
  return [{ variable: 'NODE_OPTIONS', value, reason: `limits the heap to ${share} the quota` }];
}

/** Private memory of a Ruby program that allocates from ten threads, measured: 190 MB with glibc, 94 MB with glibc
 * and two arenas, 157 to 177 MB with jemalloc, 98 MB with jemalloc and these options. */
const JEMALLOC_OPTIONS = 'narenas:2,dirty_decay_ms:1000';

/** Variables for the memory allocator of Ruby processes. A library that the user preloads may be an allocator, so
 * nothing is added. */
export function allocatorVariables(settings: Settings, machine: Machine): TuningVariable[] {
  if (settings.LD_PRELOAD !== null) return jemallocOptions(settings, /jemalloc/.test(settings.LD_PRELOAD));
  if (settings.JEMALLOC_ENABLED === 'true' && machine.jemalloc !== null) {
    const reason = 'JEMALLOC_ENABLED=true; only Ruby processes benefit from jemalloc';
    return [{ variable: 'LD_PRELOAD', value: machine.jemalloc, reason }, ...jemallocOptions(settings, true)];
  }
  if (settings.MALLOC_ARENA_MAX !== null) return [];
  return [
    { variable: 'MALLOC_ARENA_MAX', value: '2', reason: 'halves the unused memory that the threads of Ruby hold' },
  ];
}

/** JEMALLOC_ENABLED=true without a library has no effect. */
export function allocatorWarnings(settings: Settings, machine: Machine): string[] {
  if (settings.JEMALLOC_ENABLED !== 'true' || settings.LD_PRELOAD !== null || machine.jemalloc !== null) return [];
  const file = settings.SUPERVISE_JEMALLOC;
  return [
    file === null
      ? 'JEMALLOC_ENABLED=true has no effect: jemalloc was not found where buildpacks and Debian install it; set SUPERVISE_JEMALLOC to its path'
      : `JEMALLOC_ENABLED=true has no effect: SUPERVISE_JEMALLOC=${file} was not found`,
  ];
}

function jemallocOptions({ MALLOC_CONF, JEMALLOC_ENABLED }: Settings, isJemalloc: boolean): TuningVariable[] {
  if (!isJemalloc || JEMALLOC_ENABLED !== 'true' || MALLOC_CONF !== null) return [];
  return [
    { variable: 'MALLOC_CONF', value: JEMALLOC_OPTIONS, reason: 'jemalloc holds less than half as much unused memory' },
  ];
}

const MIB = 2 ** 20;
/** MiB. The default VIPS_DISC_THRESHOLD of libvips
 * (https://www.libvips.org/API/current/func.get_disc_threshold.html). */
const DEFAULT_DISC_THRESHOLD = 100;

/** Limits for image libraries, checked by test/real/images.test.ts. The figures are private memory, measured with a
 * PNG of 8000x8000.
 *
 * ImageMagick 6.9 takes 836 MB to resize it without limits, 222 MB with both limits at 256MiB. The rest is a file on
 * disk, mapped or not, whose pages the kernel can reclaim.
 *
 * libvips 8.14 streams if it can: a thumbnail takes 35 MB with one thread, and 130 MB with eight threads (its
 * default on eight cores) in the same time. For operations such as a rotation it decodes the whole image: into
 * memory below the threshold, onto disk above. With half the quota as the threshold, that took 200 MB instead of 24
 * MB. With a tenth of the quota, the largest image that Mastodon accepts (33 megapixels) takes 24 MB instead of 109
 * MB by default, and 0.3 s longer. */
function imageLimitVariables(settings: Settings, quota: Quota | null): TuningVariable[] {
  if (quota === null) return [];
  const half = `${Math.floor(quota.bytes / 2 / MIB)}MiB`;
  const tenth = Math.floor(quota.bytes / 10 / MIB);
  const isBelowDefault = tenth < DEFAULT_DISC_THRESHOLD;
  const limits: readonly (TuningVariable & { variable: keyof Settings })[] = [
    {
      variable: 'MAGICK_MEMORY_LIMIT',
      value: half,
      reason: 'each ImageMagick process may take half the quota; larger images use files on disk',
    },
    { variable: 'MAGICK_MAP_LIMIT', value: half, reason: 'half the quota, like MAGICK_MEMORY_LIMIT' },
    { variable: 'VIPS_CONCURRENCY', value: '1', reason: 'each libvips thread allocates its own buffers' },
    {
      variable: 'VIPS_DISC_THRESHOLD',
      value: `${tenth}m`,
      reason: 'decoded images larger than a tenth of the quota go to disk',
    },
  ];
  return limits.filter(
    ({ variable }) => settings[variable] === null && (isBelowDefault || variable !== 'VIPS_DISC_THRESHOLD'),
  );
}

/** The default of Mastodon's config/puma.rb. */
const DEFAULT_WORKERS = 2;
/** Bytes. A dyno up to this size has no memory for a master in addition to its worker. */
const MAX_SMALL_QUOTA = 512 * 2 ** 20;

/** Worker processes of puma; 0 means single mode. */
export function pumaWorkers(settings: Settings, quota: Quota | null): number {
  return settings.WEB_CONCURRENCY ?? (isSmall(quota) ? 0 : DEFAULT_WORKERS);
}

/** The processes of puma that have threads and connection pools. The master of a cluster has none. */
export function pumaProcesses(settings: Settings, quota: Quota | null): number {
  return Math.max(1, pumaWorkers(settings, quota));
}

function singleModeVariables(settings: Settings, quota: Quota | null): TuningVariable[] {
  if (settings.WEB_CONCURRENCY !== null || !isSmall(quota)) return [];
  return [
    {
      variable: 'WEB_CONCURRENCY',
      value: '0',
      reason: 'a small dyno has memory for one puma process, not for a master and workers',
    },
  ];
}

/** Removes the value that a buildpack has set, and its marker. With the marker, a program that puma starts would
 * take the supervisor's value for that of the buildpack. */
export function withoutBuildpackValue({ WEB_CONCURRENCY_SET_BY: buildpack }: Settings): EnvironmentChange {
  return buildpack === null ? {} : { WEB_CONCURRENCY: null, WEB_CONCURRENCY_SET_BY: null };
}

/** Notes that the value of a buildpack is ignored. */
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
  return quota !== null && quota.bytes <= MAX_SMALL_QUOTA;
}
