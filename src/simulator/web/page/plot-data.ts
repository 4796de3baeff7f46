import type { PlatformEvent } from '../../simulation.ts';
import type { DynoSample, Sample } from './messages.ts';

/** The data of one dyno's plot: a column of times and as many values for each line. null is a gap. */
export type PlotData = {
  /** From the bottom of the stack to its top. */
  labels: readonly string[];
  timesMs: readonly number[];
  /** For each label, its own memory and that of all labels below it. */
  stacked: readonly (readonly (number | null)[])[];
  /** The serving or booting run. */
  total: readonly (number | null)[];
  /** The largest draining run. */
  draining: readonly (number | null)[];
  quota: readonly (number | null)[];
  highestBytes: number;
};

/** From the bottom up: labels that change little come first. */
const STACK_ORDER = ['shell', 'supervisor', 'rails', 'puma', 'puma worker', 'sidekiq', 'streaming'];

/** The samples since `fromMs` and one more, so that the lines reach the edge. */
export function plotData(samples: readonly Sample[], dyno: string, fromMs: number): PlotData {
  const first = samples.findIndex(({ atMs }) => atMs >= fromMs);
  const window = first < 0 ? [] : samples.slice(Math.max(0, first - 1));
  const rows = window.map(({ dynos }) => dynos[dyno]);
  const labels = labelsOf(rows);
  const stacks = rows.map((row) => stackedBytes(row, labels));
  const total = rows.map((row) => row?.runs[0]?.bytes ?? null);
  const draining = rows.map((row) => largest(row?.runs.slice(1).map(({ bytes }) => bytes) ?? []));
  return {
    labels,
    timesMs: window.map(({ atMs }) => atMs),
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
  return [...labels].sort((one, other) => stackPosition(one) - stackPosition(other) || (one < other ? -1 : 1));
}

function stackPosition(label: string): number {
  const known = STACK_ORDER.indexOf(label);
  return known < 0 ? STACK_ORDER.length : known;
}

/** null: nothing ran. */
function stackedBytes(row: DynoSample | undefined, labels: readonly string[]): number[] | null {
  const own = row?.runs[0]?.labels;
  if (own === undefined) return null;
  let sum = 0;
  return labels.map((label) => (sum += Object.hasOwn(own, label) ? (own[label] ?? 0) : 0));
}

function largest(all: readonly (number | null)[]): number | null {
  const known = all.filter((bytes) => bytes !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** A label next to its event's line. row: counted from the top. */
type LabelPosition = { event: PlatformEvent; left: number; row: number };

const LABEL_ROWS = 4;
const LABEL_GAP = 6;
/** Lower weights are placed first. */
const WEIGHTS: Readonly<Record<PlatformEvent['kind'], number>> = {
  'error-code': 0,
  exit: 1,
  action: 2,
  release: 3,
  state: 4,
};

/** Places event labels without overlap: to the right of their line, or to the left at the right edge `end`. Labels
 * without room are omitted; their lines stay. widthOf: label width in the unit of x. */
export function placeLabels(
  marks: readonly { event: PlatformEvent; x: number }[],
  widthOf: (text: string) => number,
  end: number,
): LabelPosition[] {
  const rows = Array.from({ length: LABEL_ROWS }, (): [from: number, to: number][] => []);
  const inOrder = [...marks].sort(
    (one, other) => WEIGHTS[one.event.kind] - WEIGHTS[other.event.kind] || one.x - other.x,
  );
  return inOrder.flatMap(({ event, x }) => {
    const width = widthOf(event.label) + LABEL_GAP;
    const left = x + width <= end ? x : x - width;
    const row = rows.findIndex((taken) => taken.every(([from, to]) => left + width <= from || left >= to));
    rows[row]?.push([left, left + width]);
    return row < 0 ? [] : [{ event, left, row }];
  });
}
