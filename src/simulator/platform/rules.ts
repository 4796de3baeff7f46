/** The platform's limits, in milliseconds and bytes. Sources: [D] the Dev Center page of that name, [F] this project's
 * collected facts about platforms, read and measured over the years, [O] our own choice where no source gives a
 * number. */
export type Rules = {
  /** R10: the time for a web process to listen on $PORT. [D: Error Codes] */
  bootMs: number;
  /** R12: the time from TERM for all processes to SIGKILL. [F] */
  stopMs: number;
  /** R14 from this share of the quota, R15 and SIGKILL from the next. The largest dynos are killed earlier. [F] */
  warnAt: number;
  killAt: number;
  killLargestAt: number;
  /** How often R14 is logged while it lasts. [F: log-runtime-metrics reports every 20 s] */
  warnEveryMs: number;
  /** The delay before the restart after the second crash in a row; doubled after each further crash. The first crash
   * restarts at once. [D: Changelog 344 says "exponentially increasing"; O: the numbers] */
  coolOffMs: number;
  maxCoolOffMs: number;
  /** Each dyno restarts this often, plus a random delay of up to `cycleSpreadMs`. [D: Dyno Restarts] */
  cycleMs: number;
  cycleSpreadMs: number;
  /** H19: the time for a dyno to accept a connection. [D: HTTP Routing] */
  connectMs: number;
  /** H12: the time to the first byte of a response. [D: Request Timeout] */
  firstByteMs: number;
  /** H15: the time to each next byte. [D: Request Timeout] */
  nextByteMs: number;
  /** H20: how long the edge holds a request for a booting dyno. [D: Error Codes] */
  holdMs: number;
  /** How long idle connections to a dyno are kept. [D: HTTP Routing, router 2.0] */
  keepAliveMs: number;
  /** The time limit of a release. [F] */
  releaseMs: number;
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const PLATFORM: Rules = {
  bootMs: 60_000,
  stopMs: 30_000,
  warnAt: 1,
  killAt: 2,
  killLargestAt: 1.2,
  warnEveryMs: 20_000,
  coolOffMs: 5 * MINUTE,
  maxCoolOffMs: 320 * MINUTE,
  cycleMs: 24 * HOUR,
  cycleSpreadMs: 216 * MINUTE,
  connectMs: 5_000,
  firstByteMs: 30_000,
  nextByteMs: 55_000,
  holdMs: 75_000,
  keepAliveMs: 90_000,
  releaseMs: HOUR,
};

/** Longer output lines are split. [F] */
export const MAX_LINE_BYTES = 10_000;

/** Memory of the dyno types in MiB. [F] */
export const SIZES: Readonly<Record<string, number>> = {
  eco: 512,
  basic: 512,
  'standard-1x': 512,
  'standard-2x': 1024,
  'performance-m': 2560,
  'performance-l': 14_336,
};

/** Dynos from this size on are killed earlier than at twice their quota. */
export const LARGEST_BYTES = 14_336 * 2 ** 20;

/** In MiB, as the platform writes it: `512M` */
export function formatMemory(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}M`;
}

/** Divides all times by the factor. Shares stay the same. */
export function scaleRules(rules: Rules, factor: number): Rules {
  const entries = Object.entries(rules).map(([name, value]) => [name, name.endsWith('Ms') ? value / factor : value]);
  return Object.fromEntries(entries) as Rules;
}
