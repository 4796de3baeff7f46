import {
  OTHER,
  PUMA,
  SIDEKIQ,
  STOP_MS,
  asked,
  entry,
  exit,
  last,
  ledger,
  life,
  plain,
  streaming,
} from './judge-samples.ts';
import type { Entry, TinyRecord } from './record.ts';
import type { Story } from './story.ts';

/** On demand; whats: what it does after it was up. */
export const streamer = (atMs: number, ...whats: [atMs: number, what: string][]): Entry[] => [
  ...[entry('streaming', OTHER, atMs, 'start'), entry('streaming', OTHER, atMs + 10, 'up')],
  ...whats.map(([at, what]) => entry('streaming', OTHER, at, what)),
];
/** Streaming that does not end in time is killed by the dyno, which says so. */
export const killedStreamer = (...its: Entry[]): Partial<TinyRecord> => ({
  ...{ end: exit(137), endedAtMs: STOP_MS + 1600, ledger: [...ledger, ...its] },
  output: last({}, 'asked to stop by SIGTERM; streaming had to be killed', 137),
});
export const stubborn: Partial<Story> = { ...streaming, streamer: { ...plain, term: { how: 'ignore' } } };
/** What puma floods us with, of five lines. */
export const flooding: Partial<Story> = { hasPrefix: true, puma: { ...plain, lines: 5 } };
export const flood = (...numbers: number[]): string =>
  numbers.map((number) => `puma | puma line ${number} ${'.'.repeat(60)}\n`).join('');
export const dropped = (count: number): string =>
  `mstdn-supervise: ${count} log lines were dropped here, because nobody read them\n`;
/** Of sidekiq, which has its TERM as soon as it can hear it. */
export const startedAt = (atMs: number): Partial<TinyRecord> => ({
  endedAtMs: STOP_MS + 1000,
  ledger: [...life('puma', PUMA), entry('sidekiq', SIDEKIQ, atMs, 'start'), ...asked(SIDEKIQ, atMs + 1)],
});
