import { anyText, duration, magickSize, oneOf, ratio, seconds, setting, size, wholeNumber } from './parsers.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Bytes. A smaller quota is a typing error. */
const MIN_QUOTA = 2 ** 24;

/** Variables about the memory of the dyno, how it is shared, and what happens when it runs out. */
export const MEMORY_SETTINGS = {
  SUPERVISE_MEMORY_QUOTA: setting(
    size(MIN_QUOTA, null),
    'the memory limit of the cgroup',
    'the memory of the dyno, such as `512M`. Without this setting and a cgroup limit, everything that needs a quota is off',
  ),
  SUPERVISE_MEMORY_GUARD: setting(
    oneOf(['on', 'warn', 'off'], 'on'),
    '`on` if there is a memory quota',
    '`on`: frees memory before the platform kills the dyno, see docs/memory.md; `warn`: only logs what it would do; `off`: does not watch memory',
  ),
  SUPERVISE_MEMORY_KILLS_AT: setting(
    wholeNumber(50, 1000, null),
    '200 if the platform lets a dyno swap (Heroku), 100 if the kernel enforces the limit',
    'percentage of the quota at which the platform kills the dyno',
  ),
  SUPERVISE_MEMORY_WARN_AT: setting(
    wholeNumber(1, 1000, null),
    '100 if KILLS_AT is 200, 80 if it is 100',
    'percentage of the quota above which a warning names the process that uses the most memory',
  ),
  SUPERVISE_MEMORY_ACT_AT: setting(
    wholeNumber(1, 1000, null),
    '150 if KILLS_AT is 200, 88 if it is 100',
    'percentage of the quota above which a large helper process (`convert`, `ffmpeg`) is stopped, or a process is restarted gracefully',
  ),
  SUPERVISE_MEMORY_EMERGENCY_AT: setting(
    wholeNumber(1, 1000, null),
    '185 if KILLS_AT is 200, 95 if it is 100',
    'percentage of the quota above which processes are stopped at once before the platform kills the dyno; running jobs return to Redis',
  ),
  SUPERVISE_MEMORY_LOG: setting(
    seconds(1, 86_400, null),
    '',
    'seconds between two log lines such as `sample#memory_total=…MB`, in the format of log-runtime-metrics',
  ),
  SUPERVISE_RECYCLE_QUIET: setting(
    seconds(0, 3600, 60),
    '60',
    'during a graceful restart of sidekiq: seconds to finish the running jobs, while it fetches no new ones, before SIGTERM',
  ),
  SUPERVISE_RECYCLE_EVERY: setting(
    duration(10 * MINUTE_MS, 7 * DAY_MS, null),
    '',
    'interval at which each sidekiq process is restarted gracefully, such as `6h`, varied by up to 10 %',
  ),
  JEMALLOC_ENABLED: setting(
    oneOf(['true', 'false'], 'false'),
    '`false`',
    '`true`: puma and sidekiq use jemalloc through LD_PRELOAD, if the library is found',
  ),
  SUPERVISE_JEMALLOC: setting(
    anyText,
    'the paths of the known buildpacks and of Debian',
    'path of the jemalloc library',
  ),
  LD_PRELOAD: setting(
    anyText,
    '',
    'libraries to preload into every child process. If it is set, neither MALLOC_ARENA_MAX nor jemalloc is added',
  ),
  MALLOC_ARENA_MAX: setting(
    anyText,
    '2 for puma and sidekiq, unless an allocator is preloaded',
    'maximum number of malloc arenas of glibc; `0`: no limit',
  ),
  MALLOC_CONF: setting(anyText, '`narenas:2,dirty_decay_ms:1000` with JEMALLOC_ENABLED', 'options of jemalloc'),
  SUPERVISE_RUBY_GC: setting(
    oneOf(['small', 'default'], 'small'),
    '`small`',
    "`small`: puma and sidekiq get the three RUBY_GC_HEAP_FREE_SLOTS ratios below, unless you set one of them; `default`: Ruby's own ratios",
  ),
  RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO: setting(
    ratio,
    "0.08 for puma and sidekiq; Ruby's own is 0.20",
    'Ruby grows its heap if a smaller part of it is free after a garbage collection. Set all three ratios or none',
  ),
  RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO: setting(
    ratio,
    "0.15 for puma and sidekiq; Ruby's own is 0.40",
    'the free part of the heap after it has grown; more than MIN_RATIO, at most MAX_RATIO',
  ),
  RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO: setting(
    ratio,
    "0.30 for puma and sidekiq; Ruby's own is 0.65",
    'Ruby may return heap memory to the system if a larger part of the heap is free',
  ),
  MAGICK_MEMORY_LIMIT: setting(
    magickSize,
    'half the quota',
    'heap limit of each ImageMagick process of puma or sidekiq, in bytes or with a unit such as `256MiB`; larger images use files on disk',
  ),
  MAGICK_MAP_LIMIT: setting(
    magickSize,
    'half the quota',
    'how much of these files each ImageMagick process may map into memory',
  ),
  VIPS_CONCURRENCY: setting(
    wholeNumber(0, 1024, null),
    '1 if there is a memory quota',
    'number of threads of a libvips pipeline',
  ),
  VIPS_DISC_THRESHOLD: setting(
    anyText,
    'a tenth of the quota, if that is less than the 100m of libvips',
    'libvips keeps larger decoded images on disk; in bytes or with a unit such as `50m`',
  ),
  NODE_OPTIONS: setting(
    anyText,
    '`--max-old-space-size` for streaming: half the quota if nothing else runs in the dyno, otherwise a quarter',
    'options of Node; `--max-old-space-size` is added for streaming unless it is there',
  ),
  SUPERVISE_DB_CONNECTIONS: setting(
    wholeNumber(1, 100_000, 20),
    '20',
    'number of connections that your PostgreSQL plan allows; `mstdn-supervise plan` warns if the dyno may need more',
  ),
  SUPERVISE_REDIS_CONNECTIONS: setting(
    wholeNumber(1, 100_000, 20),
    '20',
    'number of connections that your Redis plan allows; `mstdn-supervise plan` warns if the dyno may need more',
  ),
} as const;
