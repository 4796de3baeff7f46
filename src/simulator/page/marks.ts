import type uPlot from 'uplot';
import { placeMarks } from './mark-places.ts';
import type { Theme } from './theme.ts';
import type { Happening } from '../view.ts';
import { amount } from './words.ts';

/** In pixels of the page; a canvas may have more of them. */
const FONT = 11;
const ROW = 15;

/** Draws what happened as vertical lines with short labels, and the names of the two limits. */
export function drawMarks(
  plot: uPlot,
  happenings: readonly Happening[],
  quotaBytes: number | null,
  colours: Theme,
): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `600 ${FONT * ratio}px ${colours.font}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  const marks = happenings
    .map((happening) => ({ happening, x: plot.valToPos(happening.atMs, 'x', true) }))
    .filter(({ x }) => x >= bbox.left && x <= bbox.left + bbox.width);
  for (const { happening, x } of marks) drawLine(plot, x, colourOf(happening, colours), ratio);
  const pad = 4 * ratio;
  const widthOf = (text: string): number => ctx.measureText(text).width + 2 * pad;
  for (const { happening, left, row } of placeMarks(marks, widthOf, bbox.left + bbox.width)) {
    const top = bbox.top + row * ROW * ratio;
    ctx.fillStyle = colours.surface;
    ctx.fillRect(left + ratio, top, widthOf(happening.mark), ROW * ratio);
    ctx.fillStyle = colourOf(happening, colours);
    ctx.fillText(happening.mark, left + pad, top + (ROW / 2) * ratio);
  }
  if (quotaBytes !== null) {
    drawLimit(plot, quotaBytes, `R14  ${amount(quotaBytes)}`, colours.warn, colours.surface);
    drawLimit(plot, 2 * quotaBytes, `R15  ${amount(2 * quotaBytes)}`, colours.bad, colours.surface);
  }
  ctx.restore();
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

/** The name of a limit, over its line at the left, where the lines are oldest. */
function drawLimit(plot: uPlot, bytes: number, text: string, colour: string, surface: string): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const y = plot.valToPos(bytes, 'y', true);
  const width = ctx.measureText(text).width + 8 * ratio;
  ctx.fillStyle = surface;
  ctx.fillRect(bbox.left, y - (ROW / 2) * ratio, width, ROW * ratio);
  ctx.fillStyle = colour;
  ctx.fillText(text, bbox.left + 4 * ratio, y);
}

function colourOf({ kind, mark }: Happening, { accent, bad, quiet }: Theme): string {
  if (kind === 'error-code' || mark === 'crashed' || (kind === 'exit' && mark !== 'exit 0')) return bad;
  return kind === 'state' || kind === 'exit' ? quiet : accent;
}
