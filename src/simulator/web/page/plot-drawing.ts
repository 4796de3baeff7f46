import uPlot from 'uplot';
import type { PlatformEvent } from '../../simulation.ts';
import { formatBytes, formatTime, isError } from './format.ts';
import { placeLabels, type PlotData } from './plot-data.ts';

type Ranges = { x: () => uPlot.Range.MinMax; y: () => uPlot.Range.MinMax };

const MB = 2 ** 20;
const SECOND = 1000;
const AMOUNTS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384].map((number) => number * MB);
const TIMES = [5, 10, 15, 30, 60, 120, 300, 600].map((seconds) => seconds * SECOND);

/** uPlot options for a dyno's memory. Times are milliseconds since the epoch, amounts are bytes. */
export function plotOptions({ labels }: PlotData, colours: Theme, size: Size, { x, y }: Ranges): uPlot.Options {
  return {
    ...size,
    ms: 1,
    padding: [4, LIMIT_WIDTH, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: 'time' }, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: x }, y: { range: y } },
    axes: [
      { ...axis(colours), size: 26, space: 76, incrs: TIMES, values: (_, times) => times.map(formatTime) },
      {
        ...axis(colours),
        size: 58,
        space: 34,
        incrs: AMOUNTS,
        values: (_, all) => all.map((bytes) => formatBytes(bytes)),
      },
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

/** Mixed with the surface colour, because the stacked areas would otherwise shine through. */
function area(colour: string, surface: string): uPlot.Series {
  return {
    stroke: colour,
    width: 1.25,
    fill: `color-mix(in srgb, ${colour} 30%, ${surface})`,
    points: { show: false },
  };
}

/** The series for the total, the draining run, the quota and twice the quota. */
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

/** In CSS pixels. A canvas may have more. */
const FONT = 11;
const ROW = 15;
/** Space on the right for the limits' names. */
const LIMIT_WIDTH = 34;

/** Draws events as vertical lines with short labels. */
export function drawEvents(plot: uPlot, events: readonly PlatformEvent[], colours: Theme): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  setFont(ctx, colours);
  const marks = events
    .map((event) => ({ event, x: plot.valToPos(event.atMs, 'x', true) }))
    .filter(({ x }) => x >= bbox.left && x <= bbox.left + bbox.width);
  for (const { event, x } of marks) drawLine(plot, x, colourOf(event, colours), ratio);
  const pad = 4 * ratio;
  const widthOf = (text: string): number => ctx.measureText(text).width + 2 * pad;
  for (const { event, left, row } of placeLabels(marks, widthOf, bbox.left + bbox.width)) {
    const top = bbox.top + row * ROW * ratio;
    ctx.fillStyle = colours.surface;
    ctx.fillRect(left + ratio, top, widthOf(event.label), ROW * ratio);
    ctx.fillStyle = colourOf(event, colours);
    ctx.fillText(event.label, left + pad, top + (ROW / 2) * ratio);
  }
  ctx.restore();
}

/** Draws the limits' names to the right of their lines. */
export function drawLimits(plot: uPlot, quotaBytes: number | null, colours: Theme): void {
  if (quotaBytes === null) return;
  const { ctx, bbox } = plot;
  ctx.save();
  setFont(ctx, colours);
  const left = bbox.left + bbox.width + 5 * devicePixelRatio;
  for (const [name, bytes, colour] of [
    ['R14', quotaBytes, colours.warn],
    ['R15', 2 * quotaBytes, colours.bad],
  ] as const) {
    ctx.fillStyle = colour;
    ctx.fillText(name, left, plot.valToPos(bytes, 'y', true));
  }
  ctx.restore();
}

function setFont(ctx: CanvasRenderingContext2D, { font }: Theme): void {
  ctx.font = `600 ${FONT * devicePixelRatio}px ${font}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
}

function drawLine({ ctx, bbox }: uPlot, x: number, colour: string, ratio: number): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = ratio;
  ctx.globalAlpha = 0.75;
  ctx.setLineDash([2 * ratio, 2 * ratio]);
  ctx.beginPath();
  ctx.moveTo(Math.round(x), bbox.top);
  ctx.lineTo(Math.round(x), bbox.top + bbox.height);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function colourOf(event: PlatformEvent, { accent, bad, quiet }: Theme): string {
  if (isError(event)) return bad;
  return event.kind === 'action' || event.kind === 'release' ? accent : quiet;
}

/** The plots' colours. A canvas does not take them from style sheets. */
type Theme = Record<Colour | 'font', string> & { ofLabel(label: string): string };

const COLOURS = ['text', 'quiet', 'surface', 'grid', 'warn', 'bad', 'accent'] as const;
type Colour = (typeof COLOURS)[number];

const LABELS = ['shell', 'supervisor', 'rails', 'puma', 'puma worker', 'sidekiq', 'streaming', 'convert'];
const OTHER_COLOURS = 3;

/** The current colours, light or dark. */
export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const colours = Object.fromEntries(COLOURS.map((name) => [name, value(name)])) as Record<Colour, string>;
  return { ...colours, font: value('sans'), ofLabel: (label) => value(`process-${colourName(label)}`) };
}

export function onThemeChange(listener: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', listener);
}

/** `puma-worker`. Unknown programs share a few colours. */
export function colourName(label: string): string {
  if (LABELS.includes(label)) return label.replaceAll(' ', '-');
  return `other-${hash(label) % OTHER_COLOURS}`;
}

function hash(text: string): number {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return sum;
}
