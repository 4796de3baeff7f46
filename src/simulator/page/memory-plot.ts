import uPlot from 'uplot';
import { legend } from './legend.ts';
import type { Sample } from './messages.ts';
import { drawLimits, drawMarks } from './marks.ts';
import { plotData, type PlotData } from './plot-data.ts';
import { plotOptions } from './plot-options.ts';
import { theme } from './theme.ts';
import type { Happening } from '../view.ts';

/** What all plots draw, up to now. */
export type Timeline = {
  nowMs: number;
  /** So much of it is shown. */
  windowMs: number;
  samples: readonly Sample[];
  happenings: readonly Happening[];
};

/** A plot that has just begun is not one dot at the right edge. */
const SHORTEST_MS = 60_000;
/** R15 is in sight, and the marks have room above it. */
const QUOTAS_SHOWN = 2.45;

/** The memory of one dyno over time: its processes stacked, the total, the quota, what happened. */
export class MemoryPlot {
  readonly #dyno: string;
  readonly #root: HTMLElement;
  readonly #legend: ReturnType<typeof legend>;
  readonly #resize: ResizeObserver;
  #plot: uPlot | null = null;
  #data: PlotData | null = null;
  #happenings: readonly Happening[] = [];
  #window = { min: 0, max: 1 };

  constructor(dyno: string, root: HTMLElement, caption: HTMLElement) {
    this.#dyno = dyno;
    this.#root = root;
    this.#legend = legend(caption);
    this.#resize = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    this.#resize.observe(root);
  }

  draw({ nowMs, windowMs, samples, happenings }: Timeline): void {
    const firstMs = samples[0]?.atMs ?? nowMs;
    const spanMs = Math.min(windowMs, Math.max(SHORTEST_MS, nowMs - firstMs));
    this.#window = { min: nowMs - spanMs, max: nowMs };
    const labels = this.#data?.labels.join();
    const data = plotData(samples, this.#dyno, this.#window.min);
    this.#data = data;
    this.#happenings = happenings.filter(({ dyno }) => dyno === this.#dyno || dyno === null);
    const lines = linesOf(data);
    if (this.#plot === null || labels !== data.labels.join()) this.#make(data, lines);
    else this.#plot.setData(lines);
    this.#legend.show(data, this.#plot?.cursor.idx ?? null);
  }

  repaint(): void {
    if (this.#data !== null) this.#make(this.#data, linesOf(this.#data));
  }

  remove(): void {
    this.#resize.disconnect();
    this.#plot?.destroy();
  }

  #make(data: PlotData, lines: uPlot.AlignedData): void {
    this.#plot?.destroy();
    const colours = theme();
    const options = plotOptions(data, colours, this.#size(), {
      x: () => [this.#window.min, this.#window.max],
      y: () => [0, this.#top()],
    });
    options.hooks = {
      draw: [
        (plot) => {
          drawMarks(plot, this.#happenings, colours);
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

/** In the order of the options: the top of the stack first, so that each is drawn over by those below it. */
function linesOf({ timesMs, stacked, total, draining, quota }: PlotData): uPlot.AlignedData {
  const twice = quota.map((bytes) => bytes && bytes * 2);
  return [timesMs, ...[...stacked].reverse(), total, draining, quota, twice].map((line) => [
    ...line,
  ]) as uPlot.AlignedData;
}
