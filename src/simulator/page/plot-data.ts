import type { DynoSample, Sample } from './messages.ts';

/** What one dyno's plot draws: a column of times, and as many values for each line; null is a gap. */
export type PlotData = {
  /** From the bottom of the stack to its top. */
  labels: readonly string[];
  timesMs: readonly number[];
  /** For each label its own memory and that of all below it. */
  stacked: readonly (readonly (number | null)[])[];
  /** The run that serves or boots. */
  total: readonly (number | null)[];
  /** The largest of those that drain. */
  draining: readonly (number | null)[];
  quota: readonly (number | null)[];
  highestBytes: number;
};

/** From the bottom up: who hardly changes lies below who does. */
const ORDER = ['shell', 'supervisor', 'rails', 'puma', 'puma worker', 'sidekiq', 'streaming'];

/** The samples since `fromMs` and one more, so that lines reach the edge. */
export function plotData(samples: readonly Sample[], dyno: string, fromMs: number): PlotData {
  const first = samples.findIndex(({ atMs }) => atMs >= fromMs);
  const seen = first < 0 ? [] : samples.slice(Math.max(0, first - 1));
  const rows = seen.map(({ dynos }) => dynos[dyno]);
  const labels = labelsOf(rows);
  const stacks = rows.map((row) => stack(row, labels));
  const total = rows.map((row) => row?.runs[0]?.bytes ?? null);
  const draining = rows.map((row) => largest(row?.runs.slice(1).map(({ bytes }) => bytes) ?? []));
  return {
    labels,
    timesMs: seen.map(({ atMs }) => atMs),
    stacked: labels.map((_, at) => stacks.map((values) => values?.[at] ?? null)),
    total,
    draining,
    quota: rows.map((row) => row?.quotaBytes ?? null),
    highestBytes: [...total, ...draining, ...stacks.map((values) => values?.at(-1) ?? 0)].reduce<number>(
      (most, bytes) => Math.max(most, bytes ?? 0),
      0,
    ),
  };
}

function labelsOf(rows: readonly (DynoSample | undefined)[]): string[] {
  const labels = new Set(rows.flatMap((row) => Object.keys(row?.runs[0]?.labels ?? {})));
  return [...labels].sort((one, other) => place(one) - place(other) || (one < other ? -1 : 1));
}

function place(label: string): number {
  const known = ORDER.indexOf(label);
  return known < 0 ? ORDER.length : known;
}

/** null where nothing ran. */
function stack(row: DynoSample | undefined, labels: readonly string[]): number[] | null {
  const own = row?.runs[0]?.labels;
  if (own === undefined) return null;
  let sum = 0;
  return labels.map((label) => (sum += Object.hasOwn(own, label) ? (own[label] ?? 0) : 0));
}

function largest(all: readonly (number | null)[]): number | null {
  const known = all.filter((bytes) => bytes !== null);
  return known.length === 0 ? null : Math.max(...known);
}
