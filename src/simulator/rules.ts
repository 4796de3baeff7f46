/** What the platform does, in milliseconds and bytes. Each with its source: [D] the Dev Center's page of that name, [F] the
 * project's own collection of facts about platforms, read and measured over the years, [O] ours, where no source gives a
 * number. */
export type Rules = {
  /** R10: a web process has to listen on $PORT by then. [D: Error Codes] */
  bootMs: number;
  /** R12: from TERM for all processes of a dyno to KILL. [F] */
  stopMs: number;
  /** R14 at this part of the quota, R15 and KILL at that, on the largest dynos earlier. [F] */
  warnAt: number;
  killAt: number;
  killLargestAt: number;
  /** How often R14 is said while it lasts. [F: log-runtime-metrics reports every 20 s] */
  warnEveryMs: number;
  /** After the first crash in a row it starts again at once, after the second so late, then twice that, and so on.
   * [D: Changelog 344 says "exponentially increasing"; O: the numbers] */
  coolOffMs: number;
  coolOffMostMs: number;
  /** Each dyno is restarted that often, plus up to `cycleSpreadMs` by chance. [D: Dyno Restarts] */
  cycleMs: number;
  cycleSpreadMs: number;
  /** H19: a dyno has to take a connection by then. [D: HTTP Routing] */
  connectMs: number;
  /** H12: the first byte of an answer has to come by then. [D: Request Timeout] */
  firstByteMs: number;
  /** H15: and each next one by then. [D: Request Timeout] */
  nextByteMs: number;
  /** H20: so long the edge holds a request for a dyno that boots. [D: Error Codes] */
  holdMs: number;
  /** Idle connections to a dyno are kept so long. [D: HTTP Routing, router 2.0] */
  keepAliveMs: number;
  /** A release gets so long. [F] */
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
  coolOffMostMs: 320 * MINUTE,
  cycleMs: 24 * HOUR,
  cycleSpreadMs: 216 * MINUTE,
  connectMs: 5_000,
  firstByteMs: 30_000,
  nextByteMs: 55_000,
  holdMs: 75_000,
  keepAliveMs: 90_000,
  releaseMs: HOUR,
};

/** A line that a dyno prints is split beyond it, in bytes. [F] */
export const LINE_MOST_BYTES = 10_000;

/** Mebibytes of the dyno types' names. [F] */
export const SIZES: Readonly<Record<string, number>> = {
  eco: 512,
  basic: 512,
  'standard-1x': 512,
  'standard-2x': 1024,
  'performance-m': 2560,
  'performance-l': 14_336,
};

/** The dynos from here on have too much to be let have twice as much. */
export const LARGEST_BYTES = 14_336 * 2 ** 20;

/** All times shorter by that factor, shares as they are. */
export function scaled(rules: Rules, factor: number): Rules {
  const entries = Object.entries(rules).map(([name, value]) => [name, name.endsWith('Ms') ? value / factor : value]);
  return Object.fromEntries(entries) as Rules;
}
