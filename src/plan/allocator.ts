import type { Place } from './place.ts';
import type { Settings } from './settings.ts';
import type { Thrift } from './spec.ts';

/** Where a library of jemalloc is looked for is the business of src/host/place.ts; here is only what follows.
 * Measured with a ruby that allocates from ten threads, private memory: glibc as it is 190 MB, with two arenas 94 MB;
 * jemalloc as it is 157 to 177 MB, with these options 98 MB. */
const JEMALLOC_OPTIONS = 'narenas:2,dirty_decay_ms:1000';

/** What a ruby is told about its allocator. A library that is preloaded already may be an allocator: nothing is added. */
export function allocator(settings: Settings, place: Place): Thrift[] {
  if (settings.LD_PRELOAD !== null) return tuned(settings, /jemalloc/.test(settings.LD_PRELOAD));
  if (settings.JEMALLOC_ENABLED === 'true' && place.jemalloc !== null) {
    const why = 'JEMALLOC_ENABLED=true, and ruby alone gains by it';
    return [{ variable: 'LD_PRELOAD', value: place.jemalloc, why }, ...tuned(settings, true)];
  }
  if (settings.MALLOC_ARENA_MAX !== null) return [];
  return [{ variable: 'MALLOC_ARENA_MAX', value: '2', why: "ruby's threads leave half as much memory unused" }];
}

/** JEMALLOC_ENABLED=true without a library: it does no harm but does nothing. */
export function allocatorWarnings(settings: Settings, place: Place): string[] {
  if (settings.JEMALLOC_ENABLED !== 'true' || settings.LD_PRELOAD !== null || place.jemalloc !== null) return [];
  const looked = settings.SUPERVISE_JEMALLOC ?? 'the places of the known buildpacks and of Debian';
  const remedy = settings.SUPERVISE_JEMALLOC === null ? ': set SUPERVISE_JEMALLOC to its file' : '';
  return [`JEMALLOC_ENABLED=true, but there is no jemalloc in ${looked}${remedy}`];
}

function tuned({ MALLOC_CONF, JEMALLOC_ENABLED }: Settings, isJemalloc: boolean): Thrift[] {
  if (!isJemalloc || JEMALLOC_ENABLED !== 'true' || MALLOC_CONF !== null) return [];
  return [{ variable: 'MALLOC_CONF', value: JEMALLOC_OPTIONS, why: 'jemalloc keeps less than half of what it would' }];
}
