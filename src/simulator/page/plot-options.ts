import uPlot from 'uplot';
import { LIMIT_WIDTH } from './marks.ts';
import type { PlotData } from './plot-data.ts';
import type { Theme } from './theme.ts';
import { amount, clock } from './words.ts';

type Ranges = { x: () => uPlot.Range.MinMax; y: () => uPlot.Range.MinMax };

const MB = 2 ** 20;
const SECOND = 1000;
const AMOUNTS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384].map((number) => number * MB);
const TIMES = [5, 10, 15, 30, 60, 120, 300, 600].map((seconds) => seconds * SECOND);

/** How a dyno's memory is drawn. Times are milliseconds since the epoch, amounts bytes. */
export function plotOptions({ labels }: PlotData, colours: Theme, size: Size, { x, y }: Ranges): uPlot.Options {
  return {
    ...size,
    ms: 1,
    padding: [4, LIMIT_WIDTH, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: 'time' }, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: x }, y: { range: y } },
    axes: [
      { ...axis(colours), size: 26, space: 76, incrs: TIMES, values: (_, times) => times.map(clock) },
      { ...axis(colours), size: 58, space: 34, incrs: AMOUNTS, values: (_, all) => all.map((bytes) => amount(bytes)) },
    ],
    series: [
      {},
      ...[...labels].reverse().map((label) => area(colours.ofLabel(label), colours.surface)),
      ...lines(colours),
    ],
  };
}

type Size = { width: number; height: number };

function axis({ quiet, grid, font }: Theme): uPlot.Axis {
  const line = { stroke: grid, width: 1 };
  return { stroke: quiet, font: `11px ${font}`, grid: line, ticks: { ...line, size: 4 }, gap: 4 };
}

/** Covers what is below it with the surface first, since the stack's fills let light through. */
function area(colour: string, surface: string): uPlot.Series {
  return {
    stroke: colour,
    width: 1.25,
    fill: `color-mix(in srgb, ${colour} 30%, ${surface})`,
    points: { show: false },
  };
}

/** The total, what drains, the quota and twice the quota. */
function lines({ text, quiet, warn, bad }: Theme): uPlot.Series[] {
  const points = { show: false };
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const limit = { width: 1.25, points, ...(stepped && { paths: stepped }) };
  return [
    { stroke: text, width: 1.75, points },
    { stroke: quiet, width: 1.5, dash: [5, 4], points },
    { ...limit, stroke: warn, dash: [8, 4] },
    { ...limit, stroke: bad, dash: [8, 4] },
  ];
}
