import uPlot from 'uplot';
import type { PlatformEvent } from '../../simulation.ts';
import { createElement, setText } from './elements.ts';
import { formatBytes, formatTime } from './format.ts';
import type { Sample } from './messages.ts';
import { plotData, type PlotData } from './plot-data.ts';
import { colourName, drawLimits, drawEvents, plotOptions, readTheme } from './plot-drawing.ts';

/** What all plots show, up to now. */
export type Timeline = {
  nowMs: number;
  /** The length of the visible time window. */
  windowMs: number;
  samples: readonly Sample[];
  events: readonly PlatformEvent[];
};

/** Keeps a new plot from being a single dot at the right edge. */
const MIN_SPAN_MS = 60_000;
/** Shows the R15 limit, with room for the marks above it. */
const QUOTAS_SHOWN = 2.45;

/** The memory of one dyno over time: stacked processes, the total, the quota and events. */
export class MemoryPlot {
  readonly #dyno: string;
  readonly #root: HTMLElement;
  readonly #legend: ReturnType<typeof legend>;
  readonly #resize: ResizeObserver;
  #plot: uPlot | null = null;
  #data: PlotData | null = null;
  #events: readonly PlatformEvent[] = [];
  #window = { min: 0, max: 1 };

  constructor(dyno: string, root: HTMLElement, caption: HTMLElement) {
    this.#dyno = dyno;
    this.#root = root;
    this.#legend = legend(caption);
    this.#resize = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    this.#resize.observe(root);
  }

  draw({ nowMs, windowMs, samples, events }: Timeline): void {
    const firstMs = samples[0]?.atMs ?? nowMs;
    const spanMs = Math.min(windowMs, Math.max(MIN_SPAN_MS, nowMs - firstMs));
    this.#window = { min: nowMs - spanMs, max: nowMs };
    const labels = this.#data?.labels.join();
    const data = plotData(samples, this.#dyno, this.#window.min);
    this.#data = data;
    this.#events = events.filter(({ dyno }) => dyno === this.#dyno || dyno === null);
    const lines = alignedData(data);
    if (this.#plot === null || labels !== data.labels.join()) this.#create(data, lines);
    else this.#plot.setData(lines);
    this.#legend.show(data, this.#plot?.cursor.idx ?? null);
  }

  repaint(): void {
    if (this.#data !== null) this.#create(this.#data, alignedData(this.#data));
  }

  remove(): void {
    this.#resize.disconnect();
    this.#plot?.destroy();
  }

  #create(data: PlotData, lines: uPlot.AlignedData): void {
    this.#plot?.destroy();
    const colours = readTheme();
    const options = plotOptions(data, colours, this.#size(), {
      x: () => [this.#window.min, this.#window.max],
      y: () => [0, this.#top()],
    });
    options.hooks = {
      draw: [
        (plot) => {
          drawEvents(plot, this.#events, colours);
          drawLimits(plot, this.#data?.quota.at(-1) ?? null, colours);
        },
      ],
      setCursor: [(plot) => this.#data && this.#legend.show(this.#data, plot.cursor.idx ?? null)],
    };
    this.#plot = new uPlot(options, lines, this.#root);
  }

  #top(): number {
    const quotas = this.#data?.quota.filter((bytes) => bytes !== null) ?? [];
    return Math.max(QUOTAS_SHOWN * Math.max(1, ...quotas), (this.#data?.highestBytes ?? 0) * 1.1);
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(200, this.#root.clientWidth), height: Math.max(120, this.#root.clientHeight) };
  }
}

/** In the order of the series: the top of the stack first, so that lower areas are drawn over it. */
function alignedData({ timesMs, stacked, total, draining, quota }: PlotData): uPlot.AlignedData {
  const twice = quota.map((bytes) => bytes && bytes * 2);
  return [timesMs, ...[...stacked].reverse(), total, draining, quota, twice].map((line) => [
    ...line,
  ]) as uPlot.AlignedData;
}

type Entry = { name: string; className: string; bytes: number | null };

/** The plot's legend, with the values under the pointer, else the last ones. */
function legend(root: HTMLElement): { show(data: PlotData, at: number | null): void } {
  let displayedNames = '';
  return {
    show(data, at) {
      const entries = entriesAt(data, at ?? data.timesMs.length - 1);
      const names = entries.map(({ name }) => name).join();
      if (names !== displayedNames)
        root.replaceChildren(...entries.map(entryElement), createElement('span', 'legend-time'));
      displayedNames = names;
      entries.forEach(({ bytes }, position) => {
        const value = root.children[position]?.lastElementChild;
        if (value instanceof HTMLElement) setText(value, formatBytes(bytes));
      });
      const time = root.lastElementChild;
      if (time instanceof HTMLElement) setText(time, at === null ? '' : `at ${formatTime(data.timesMs[at] ?? 0)}`);
    },
  };
}

/** Labels present in the visible time, the top of the stack first. */
function entriesAt({ labels, stacked, total, draining }: PlotData, at: number): Entry[] {
  const own = labels.map((label, position): Entry => {
    const upTo = stacked[position]?.[at] ?? null;
    const below = position === 0 ? 0 : (stacked[position - 1]?.[at] ?? 0);
    return {
      name: label,
      className: `swatch of-${colourName(label)}`,
      bytes: upTo === null ? null : upTo - below || null,
    };
  });
  const drains = draining.some((bytes) => bytes !== null);
  return [
    ...own.reverse(),
    { name: 'total', className: 'swatch line-total', bytes: total[at] ?? null },
    ...(drains ? [{ name: 'draining', className: 'swatch line-draining', bytes: draining[at] ?? null }] : []),
  ];
}

function entryElement({ name, className }: Entry): HTMLElement {
  const entry = createElement('span', 'legend-entry');
  entry.append(createElement('i', className), `${name} `, createElement('b', ''));
  return entry;
}
