// What happened when a peer was stopped, as data and in a few words.
import { medianText, spreadText } from '../report/format.ts';
import type { Unit } from '../report/format.ts';
import { spreadOf } from '../report/statistics.ts';
import type { Spread } from '../report/statistics.ts';
import { now } from './run.ts';
import type { PeerRun } from './run.ts';

/** The processes that get SIGTERM: the main process, or all. */
export type Recipients = 'main' | 'all';
/**
 * `endedMs`: until the main process exited, null if it did not in time; `left`: children that were still at work then; `cut`:
 * children that were killed before they were done.
 */
export type Stop = { endedMs: number | null; left: number; cut: number };
export type StopKind = 'drains' | 'kills' | 'leaves' | 'never' | 'not up';
/** The most common outcome of several stops; `seen`: how often it was; `times`: of the stops with this outcome. */
export type StopSummary = { kind: StopKind; seen: number; of: number; times: Spread | null; left: number };

const KINDS: readonly StopKind[] = ['drains', 'kills', 'leaves', 'never', 'not up'];

/** Sends SIGTERM and waits for the end. Returns null if the children did not come up before. */
export async function stopRun(
  run: PeerRun,
  recipients: Recipients,
  { count, timeoutMs }: { count: number; timeoutMs: number },
): Promise<Stop | null> {
  const children = new Set(run.events('up').map(({ pid }) => pid));
  if (children.size < count) return null;
  const pids = recipients === 'all' ? run.processes.find() : [run.processes.rootPid];
  const fromMs = now();
  run.processes.signal('SIGTERM', pids);
  const end = await run.endWithin(timeoutMs);
  const done = new Set(run.events('end').map(({ pid }) => pid));
  const left = run.processes.find().filter((pid) => children.has(pid) && !done.has(pid));
  return {
    endedMs: end && end.atMs - fromMs,
    left: left.length,
    cut: [...children].filter((pid) => !done.has(pid) && !left.includes(pid)).length,
  };
}

export function summarizeStops(stops: readonly (Stop | null)[]): StopSummary {
  const groups = KINDS.map((kind) => ({ kind, stops: stops.filter((stop) => kindOf(stop) === kind) }));
  const { kind, stops: common } = groups.reduce((most, group) =>
    group.stops.length > most.stops.length ? group : most,
  );
  return {
    kind,
    seen: common.length,
    of: stops.length,
    times: spreadOf(common.map((stop) => stop?.endedMs ?? NaN)),
    left: Math.max(...common.map((stop) => stop?.left ?? 0)),
  };
}

/** `isEndless`: the children never exit by themselves, so that killing them is correct. */
export function describeStops(summary: StopSummary, isEndless: boolean): string {
  const { times, left } = summary;
  const took = times === null ? '' : spreadText(times, unitOf(times));
  return inWords(summary, {
    drains: took,
    kills: isEndless ? took : `kills them: ${took}`,
    leaves: `leaves ${left}: ${took}`,
    never: 'never',
    'not up': 'does not start',
  });
}

/** The median time of a peer that lets its children drain; for others, what it did instead. */
export function describeStopsBriefly(summary: StopSummary): string {
  const { times, left } = summary;
  return inWords(summary, {
    drains: times === null ? '' : medianText(times, unitOf(times)),
    kills: 'kills them',
    leaves: `leaves ${left}`,
    never: 'never',
    'not up': 'does not start',
  });
}

function inWords({ kind, seen, of }: StopSummary, words: Record<StopKind, string>): string {
  return seen === of ? words[kind] : `${words[kind]} (${seen} of ${of} times)`;
}

function unitOf({ median }: Spread): Unit {
  return median < 1000 ? { unit: 'ms' } : { unit: 's', digits: 1, per: 1000 };
}

function kindOf(stop: Stop | null): StopKind {
  if (stop === null) return 'not up';
  if (stop.endedMs === null) return 'never';
  if (stop.left > 0) return 'leaves';
  return stop.cut > 0 ? 'kills' : 'drains';
}
