import { anyText, duration, magickSize, oneOf, ratio, seconds, setting, size, wholeNumber } from './parsers.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Less is a slip of the pen, not a dyno: bytes. */
const LEAST_QUOTA = 2 ** 24;

/** The variables that say what memory there is, who gets how much, and what happens when it runs out. */
export const MEMORY_SETTINGS = {
  SUPERVISE_MEMORY_QUOTA: setting(
    size(LEAST_QUOTA, null),
    "the cgroup's limit",
    'the memory of the dyno, such as `512M`; without it and without a limit of the cgroup, what needs a quota is off',
  ),
  SUPERVISE_MEMORY_GUARD: setting(
    oneOf(['on', 'warn', 'off'], 'on'),
    '`on` where a quota is known',
    '`on`: acts before the platform does, see docs/memory.md; `warn`: says what it would do; `off`: looks at nothing',
  ),
  SUPERVISE_MEMORY_KILLS_AT: setting(
    wholeNumber(50, 1000, null),
    '200 where the platform lets a dyno swap (Heroku), 100 where the kernel enforces the limit',
    'per cent of the quota at which the platform ends the dyno',
  ),
  SUPERVISE_MEMORY_WARN_AT: setting(
    wholeNumber(1, 1000, null),
    '100 of 200, 80 of 100',
    'per cent of the quota from which on one line warns and names the biggest',
  ),
  SUPERVISE_MEMORY_ACT_AT: setting(
    wholeNumber(1, 1000, null),
    '150 of 200, 88 of 100',
    'per cent of the quota from which on a big helper (`convert`, `ffmpeg`) is ended, or sidekiq is recycled',
  ),
  SUPERVISE_MEMORY_EMERGENCY_AT: setting(
    wholeNumber(1, 1000, null),
    '185 of 200, 95 of 100',
    'per cent of the quota from which on the dyno is saved at any price but the jobs',
  ),
  SUPERVISE_MEMORY_LOG: setting(
    seconds(1, 86_400, null),
    '',
    'seconds between two lines of `sample#memory_total=…MB` and so on, as log-runtime-metrics writes them',
  ),
  SUPERVISE_RECYCLE_QUIET: setting(
    seconds(0, 3600, 60),
    '60',
    'seconds that a sidekiq which is being recycled gets to finish its jobs, fetching none, before its TERM',
  ),
  SUPERVISE_RECYCLE_EVERY: setting(
    duration(10 * MINUTE_MS, 7 * DAY_MS, null),
    '',
    'the time after which each sidekiq is recycled anyway, such as `6h`, a tenth more or less',
  ),
  JEMALLOC_ENABLED: setting(
    oneOf(['true', 'false'], 'false'),
    '`false`',
    '`true`: jemalloc is preloaded into puma and sidekiq, where it is found',
  ),
  SUPERVISE_JEMALLOC: setting(
    anyText,
    'the places of the known buildpacks and of Debian',
    'the file of the jemalloc library',
  ),
  LD_PRELOAD: setting(anyText, '', 'libraries for every child; with it neither MALLOC_ARENA_MAX nor jemalloc is added'),
  MALLOC_ARENA_MAX: setting(
    anyText,
    '2 for puma and sidekiq',
    "glibc's arenas; `0` is as many as glibc likes. Not set by us where an allocator is preloaded",
  ),
  MALLOC_CONF: setting(anyText, '`narenas:2,dirty_decay_ms:1000` with JEMALLOC_ENABLED', "jemalloc's options"),
  SUPERVISE_RUBY_GC: setting(
    oneOf(['small', 'default'], 'small'),
    '`small`',
    "`small`: puma and sidekiq get three RUBY_GC_HEAP_FREE_SLOTS ratios, unless you set one of the three; `default`: Ruby's own ratios",
  ),
  RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO: setting(
    ratio,
    "0.08 for puma and sidekiq; Ruby's own is 0.20",
    'Ruby grows its heap when a smaller part of it is free after a garbage collection; set all three ratios or none',
  ),
  RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO: setting(
    ratio,
    "0.15 for puma and sidekiq; Ruby's own is 0.40",
    'the free part of the heap after it has grown; more than MIN_RATIO, at most MAX_RATIO',
  ),
  RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO: setting(
    ratio,
    "0.30 for puma and sidekiq; Ruby's own is 0.65",
    'Ruby may return memory of its heap to the system when a larger part of it is free',
  ),
  MAGICK_MEMORY_LIMIT: setting(
    magickSize,
    'half the quota',
    'heap of one ImageMagick process of puma or sidekiq, bytes or `256MiB`-like; the rest of an image is on disk',
  ),
  MAGICK_MAP_LIMIT: setting(magickSize, 'half the quota', 'what of that rest is mapped'),
  VIPS_CONCURRENCY: setting(wholeNumber(0, 1024, null), '1 where a quota is known', 'threads of a libvips pipeline'),
  VIPS_DISC_THRESHOLD: setting(
    anyText,
    "a tenth of the quota, where that is less than libvips' own 100m",
    'bytes, or `50m`-like: a decoded image that is larger is kept on disk by libvips',
  ),
  NODE_OPTIONS: setting(
    anyText,
    'for streaming `--max-old-space-size`: half the quota where it is alone, else a quarter',
    'options of Node; that one is added unless it is there',
  ),
  SUPERVISE_DB_CONNECTIONS: setting(
    wholeNumber(1, 100_000, 20),
    '20',
    'connections that the PostgreSQL plan allows; `plan` compares',
  ),
  SUPERVISE_REDIS_CONNECTIONS: setting(
    wholeNumber(1, 100_000, 20),
    '20',
    'connections that the Redis plan allows; `plan` compares',
  ),
} as const;
