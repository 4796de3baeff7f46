import type uPlot from 'uplot';
import { placeMarks } from './mark-places.ts';
import type { Theme } from './theme.ts';
import type { Happening } from '../view.ts';
import { isTrouble } from './words.ts';

/** In pixels of the page; a canvas may have more of them. */
const FONT = 11;
const ROW = 15;
/** What the names of the limits need at the right. */
export const LIMIT_WIDTH = 34;

/** Draws what happened as vertical lines with short labels. */
export function drawMarks(plot: uPlot, happenings: readonly Happening[], colours: Theme): void {
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
  ctx.restore();
}

/** Right of the lines, where they are now. */
export function drawLimits(plot: uPlot, quotaBytes: number | null, { warn, bad, font }: Theme): void {
  if (quotaBytes === null) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `600 ${FONT * devicePixelRatio}px ${font}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  const left = bbox.left + bbox.width + 5 * devicePixelRatio;
  for (const [name, bytes, colour] of [
    ['R14', quotaBytes, warn],
    ['R15', 2 * quotaBytes, bad],
  ] as const) {
    ctx.fillStyle = colour;
    ctx.fillText(name, left, plot.valToPos(bytes, 'y', true));
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

function colourOf(happening: Happening, { accent, bad, quiet }: Theme): string {
  if (isTrouble(happening)) return bad;
  return happening.kind === 'action' || happening.kind === 'release' ? accent : quiet;
}
