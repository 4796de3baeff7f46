import { redact } from '../config/redact.ts';
import type { Environment, Settings } from '../config/settings.ts';
import type { Machine, Quota } from './machine.ts';
import { rubyGcVariables } from './ruby-gc.ts';
import type { ChildKind, ChildSpec, EnvironmentChange, TuningVariable } from './spec.ts';

/** The variables that we set for a child because the admin did not. isAlone: nothing else runs in this dyno. */
export function tuningFor(kind: ChildKind, settings: Settings, place: Machine, isAlone: boolean): TuningVariable[] {
  switch (kind) {
    case 'puma':
      return [
        ...allocatorVariables(settings, place),
        ...rubyGcVariables(settings),
        ...singleModeVariables(settings, place.quota),
        ...imageLimitVariables(settings, place.quota),
      ];
    case 'sidekiq':
      return [
        ...allocatorVariables(settings, place),
        ...rubyGcVariables(settings),
        ...imageLimitVariables(settings, place.quota),
      ];
    case 'streaming':
      return heapLimit(settings, place.quota, isAlone);
  }
}

export function environmentOf(thrift: readonly TuningVariable[]): EnvironmentChange {
  return Object.fromEntries(thrift.map(({ variable, value }) => [variable, value]));
}

/** Under it streaming would not even start. */
const LEAST_HEAP_MB = 64;

/** V8 takes its limit from the machine's memory, which is not the dyno's: it would collect garbage only after the dyno
 * has begun to swap. MB, as Node counts them. */
function heapLimit({ NODE_OPTIONS }: Settings, quota: Quota | null, isAlone: boolean): TuningVariable[] {
  if (quota === null || /--max[-_]old[-_]space[-_]size/.test(NODE_OPTIONS ?? '')) return [];
  const [part, share] = isAlone ? [2, 'half'] : [4, 'a quarter of'];
  const megabytes = Math.floor(quota.bytes / part / 2 ** 20);
  const limit = `--max-old-space-size=${megabytes}`;
  if (megabytes < LEAST_HEAP_MB) return [];
  const value = NODE_OPTIONS === null ? limit : `${NODE_OPTIONS} ${limit}`;
  return [{ variable: 'NODE_OPTIONS', value, why: `${share} the quota for its heap` }];
}

/** Where a library of jemalloc is looked for is the business of src/linux/read-machine.ts; here is only what follows.
 * Measured with a ruby that allocates from ten threads, private memory: glibc as it is 190 MB, with two arenas 94 MB;
 * jemalloc as it is 157 to 177 MB, with these options 98 MB. */
const JEMALLOC_OPTIONS = 'narenas:2,dirty_decay_ms:1000';

/** What a ruby is told about its allocator. A library that is preloaded already may be an allocator: nothing is added. */
export function allocatorVariables(settings: Settings, place: Machine): TuningVariable[] {
  if (settings.LD_PRELOAD !== null) return tuned(settings, /jemalloc/.test(settings.LD_PRELOAD));
  if (settings.JEMALLOC_ENABLED === 'true' && place.jemalloc !== null) {
    const why = 'JEMALLOC_ENABLED=true, and ruby alone gains by it';
    return [{ variable: 'LD_PRELOAD', value: place.jemalloc, why }, ...tuned(settings, true)];
  }
  if (settings.MALLOC_ARENA_MAX !== null) return [];
  return [{ variable: 'MALLOC_ARENA_MAX', value: '2', why: "ruby's threads leave half as much memory unused" }];
}

/** JEMALLOC_ENABLED=true without a library: it does no harm but does nothing. */
export function allocatorWarnings(settings: Settings, place: Machine): string[] {
  if (settings.JEMALLOC_ENABLED !== 'true' || settings.LD_PRELOAD !== null || place.jemalloc !== null) return [];
  const looked = settings.SUPERVISE_JEMALLOC ?? 'the places of the known buildpacks and of Debian';
  const remedy = settings.SUPERVISE_JEMALLOC === null ? ': set SUPERVISE_JEMALLOC to its file' : '';
  return [`JEMALLOC_ENABLED=true, but there is no jemalloc in ${looked}${remedy}`];
}

function tuned({ MALLOC_CONF, JEMALLOC_ENABLED }: Settings, isJemalloc: boolean): TuningVariable[] {
  if (!isJemalloc || JEMALLOC_ENABLED !== 'true' || MALLOC_CONF !== null) return [];
  return [{ variable: 'MALLOC_CONF', value: JEMALLOC_OPTIONS, why: 'jemalloc keeps less than half of what it would' }];
}

const MIB = 2 ** 20;
/** MiB. libvips' own VIPS_DISC_THRESHOLD (https://www.libvips.org/API/current/func.get_disc_threshold.html). */
const VIPS_DISC_THRESHOLD = 100;

/** What image libraries may take of the quota; test/real/images.test.ts holds it.
 * Measured with a png of 8000x8000, memory of the process's own: ImageMagick 6.9 takes 836 MB to resize it without limits,
 * 222 MB with both at 256MiB. What is beyond is a file on disk, mapped or not, which the kernel can take back.
 * libvips 8.14 streams what it can: a thumbnail takes 35 MB with one thread, 130 MB with the eight that it starts where it
 * sees eight cores, in the same time. What it cannot stream, such as a rotation, it decodes whole: into memory below its
 * threshold, onto disk above. Half the quota as threshold makes that 200 MB instead of 24. With a tenth, the largest
 * picture that Mastodon takes (33 megapixels) takes 24 MB instead of 109 by default, and 0.3 s more. */
export function imageLimitVariables(settings: Settings, quota: Quota | null): TuningVariable[] {
  if (quota === null) return [];
  const half = `${Math.floor(quota.bytes / 2 / MIB)}MiB`;
  const tenth = Math.floor(quota.bytes / 10 / MIB);
  const isLess = tenth < VIPS_DISC_THRESHOLD;
  const wanted: readonly (TuningVariable & { variable: keyof Settings })[] = [
    { variable: 'MAGICK_MEMORY_LIMIT', value: half, why: 'half the quota for one image, the rest of it on disk' },
    { variable: 'MAGICK_MAP_LIMIT', value: half, why: 'half the quota, as MAGICK_MEMORY_LIMIT' },
    { variable: 'VIPS_CONCURRENCY', value: '1', why: 'each thread of libvips has buffers of its own' },
    {
      variable: 'VIPS_DISC_THRESHOLD',
      value: `${tenth}m`,
      why: 'a decoded image over a tenth of the quota goes to disk',
    },
  ];
  return wanted
    .filter(({ variable }) => settings[variable] === null && (isLess || variable !== 'VIPS_DISC_THRESHOLD'))
    .map(({ variable, value, why }) => ({ variable, value, why }));
}

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

export function singleModeVariables(settings: Settings, quota: Quota | null): TuningVariable[] {
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
