// SVG charts without a background, readable on light and on dark pages: bars with their figures, and memory over time.
import type { MemorySample } from '../dyno/process-usage.ts';
import { MIB } from './format.ts';
import { largest } from './statistics.ts';

export type Bar = { size: number; text: string };
/** `isOurs`: a group that is highlighted. */
export type BarGroup = { name: string; isOurs: boolean; bars: readonly Bar[] };
/** `legend`: the meaning of the first and the second bar of each group. */
export type BarChart = { title: string; legend?: readonly string[]; groups: readonly BarGroup[] };

export type Mark = { atMs: number; text: string };
export type Level = { bytes: number; text: string };
/** Memory over time of one run; time zero of the axis is `zeroMs`. */
export type AreaPanel = { title: string; samples: readonly MemorySample[]; zeroMs: number; marks: readonly Mark[] };
type Scale = { x: (atMs: number) => number; y: (bytes: number) => number };

const WIDTH = 760;

const LABEL_WIDTH = 275;
const FIGURE_WIDTH = 130;
const BAR_WIDTH = WIDTH - LABEL_WIDTH - FIGURE_WIDTH;
const BARS_TOP = 58;
const BAR = { height: 13, gap: 3, between: 12 };
const BAR_STYLE = `text { font: 14px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; } .light { fill: #59636e; } .ours text { font-weight: 600; }
.first { fill: #8c959f; } .second { fill: #c4cbd2; } .ours .first { fill: #1a7f5a; } .ours .second { fill: #6cc2a1; }
.axis { stroke: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .light { fill: #9198a1; }
  .first { fill: #7d8590; } .second { fill: #484f58; } .ours .first { fill: #3fb68b; } .ours .second { fill: #22694f; }
  .axis { stroke: #7d8590; }
}`;

const PANEL = { left: 64, right: 130, top: 66, height: 190, below: 58 };
const PLOT_WIDTH = WIDTH - PANEL.left - PANEL.right;
/** More samples than this are thinned. */
const MAX_POINTS = 240;
const GREY = '#77808a';
/** The kinds of process from the bottom up. Others come above them. */
const COLOURS: Record<string, string> = {
  shell: '#5a9e6f',
  supervisor: '#5a9e6f',
  puma: '#4a86cf',
  sidekiq: '#b5569b',
};
const OTHER_COLOUR = '#dd8a2e';
/** A kind that never takes more is not drawn. */
const DRAWN_FROM = 4 * MIB;

export function barChart({ title, legend = [], groups }: BarChart): string {
  const sizes = groups.flatMap(({ bars }) => bars.map(({ size }) => size));
  const scale = BAR_WIDTH / Math.max(...sizes, Number.MIN_VALUE);
  const step = (groups[0]?.bars.length ?? 0) * (BAR.height + BAR.gap) + BAR.between;
  const from = legend.length > 0 ? BARS_TOP : BARS_TOP - 20;
  const height = from + groups.length * step;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${escapeText(title)}</title>
<style>${BAR_STYLE}</style>
<text class="title" x="0" y="18">${escapeText(title)}</text>
${legend.map(barLegend).join('\n')}
${groups.map((group, index) => barGroup(group, from + index * step, scale)).join('\n')}
<path class="axis" d="M${LABEL_WIDTH} ${from}V${height - BAR.between}"/>
</svg>
`;
}

function barLegend(words: string, index: number): string {
  const x = LABEL_WIDTH + 235 * index;
  return `<rect class="${barClass(index)}" x="${x}" y="31" width="12" height="12"/><text class="light" x="${x + 18}" y="42">${escapeText(words)}</text>`;
}

function barGroup({ name, isOurs, bars }: BarGroup, top: number, scale: number): string {
  const middle = top + (bars.length * (BAR.height + BAR.gap) - BAR.gap) / 2 + 5;
  const drawn = bars.map(({ size, text }, index) => {
    const y = top + index * (BAR.height + BAR.gap);
    const width = Math.round(10 * size * scale) / 10;
    const rect = `<rect class="${barClass(index)}" x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR.height}"/>`;
    return `${rect}<text x="${LABEL_WIDTH + width + 8}" y="${y + BAR.height - 1}">${escapeText(text)}</text>`;
  });
  const label = `<text x="${LABEL_WIDTH - 10}" y="${middle}" text-anchor="end">${escapeText(name)}</text>`;
  return `<g${isOurs ? ' class="ours"' : ''}>${label}${drawn.join('')}</g>`;
}

function barClass(index: number): string {
  return index === 0 ? 'first' : 'second';
}

/** One panel for each run, one area for each kind of process; every panel has all levels. */
export function areaChart({ panels, levels }: { panels: readonly AreaPanel[]; levels: readonly Level[] }): string {
  const sizes = panels.flatMap(({ samples }) => samples.map(({ pss }) => pss));
  const most = 1.08 * largest([...levels.map(({ bytes }) => bytes), ...sizes]);
  const spanMs = largest(panels.map(({ samples }) => endOf(samples) - startOf(samples)));
  const height = panels.length * (PANEL.top + PANEL.height + PANEL.below);
  const body = panels.map((panel, index) => {
    const top = index * (PANEL.top + PANEL.height + PANEL.below) + PANEL.top;
    const drawn = areaPanel(panel, levels, scaleOf(panel, most, spanMs));
    return `<g transform="translate(${PANEL.left} ${top})">${drawn}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="${GREY}">
${body.join('\n')}
</svg>
`;
}

function scaleOf({ samples }: AreaPanel, most: number, spanMs: number): Scale {
  return {
    x: (atMs) => round(((atMs - startOf(samples)) / spanMs) * PLOT_WIDTH),
    y: (bytes) => round(PANEL.height * (1 - bytes / most)),
  };
}

function areaPanel(panel: AreaPanel, levels: readonly Level[], scale: Scale): string {
  const kinds = kindsOf(panel.samples);
  return [
    label(0, -44, panel.title, 'font-size="15" font-weight="600"'),
    ...areas(thinned(panel.samples), kinds, scale),
    ...levels.map(({ bytes, text }) => levelLine(scale.y(bytes), text)),
    ...panel.marks.map(({ atMs, text }, index) => markLine(scale.x(atMs), text, index)),
    ...kinds.map(areaLegend),
    timeAxis(panel, scale),
  ].join('\n');
}

function areas(points: readonly MemorySample[], kinds: readonly string[], { x, y }: Scale): string[] {
  let bottoms = points.map(() => 0);
  return kinds.map((kind) => {
    const tops = points.map(({ kinds: sizes }, index) => (bottoms[index] ?? 0) + (sizes[kind] ?? 0));
    const edge = (heights: readonly number[]) =>
      points.map(({ atMs }, index) => `${x(atMs)} ${y(heights[index] ?? 0)}`);
    const outline = [...edge(tops), ...edge(bottoms).reverse()];
    bottoms = tops;
    return `<path d="M${outline.join('L')}Z" fill="${COLOURS[kind] ?? OTHER_COLOUR}"/>`;
  });
}

function levelLine(y: number, text: string): string {
  return `<path d="M0 ${y}H${PLOT_WIDTH}" stroke="${GREY}" stroke-dasharray="6 4"/>${label(PLOT_WIDTH + 8, y + 4, text)}`;
}

/** Neighbouring marks have their texts on different lines. */
function markLine(x: number, text: string, index: number): string {
  const raised = (index % 2) * 14;
  return `<path d="M${x} ${-4 - raised}V${PANEL.height}" stroke="${GREY}"/>${label(x + 4, -6 - raised, text)}`;
}

function areaLegend(kind: string, index: number): string {
  const [x, y] = [110 * index, PANEL.height + 42];
  const colour = COLOURS[kind] ?? OTHER_COLOUR;
  return `<rect x="${x}" y="${y - 11}" width="12" height="12" fill="${colour}"/>${label(x + 18, y, kind)}`;
}

function timeAxis({ samples, zeroMs }: AreaPanel, { x }: Scale): string {
  const [fromMs, toMs] = [startOf(samples), endOf(samples)];
  const stepMs = toMs - fromMs > 60_000 ? 20_000 : 5000;
  const ticks = [];
  for (let atMs = zeroMs - Math.floor((zeroMs - fromMs) / stepMs) * stepMs; atMs <= toMs; atMs += stepMs) {
    ticks.push(label(x(atMs), PANEL.height + 18, `${Math.round((atMs - zeroMs) / 1000)} s`, 'text-anchor="middle"'));
  }
  return `<path d="M0 0V${PANEL.height}H${PLOT_WIDTH}" fill="none" stroke="${GREY}"/>${ticks.join('')}`;
}

/** Fewer samples: from each group the one with the most memory, so that no peak is lost. */
function thinned(samples: readonly MemorySample[]): MemorySample[] {
  const size = Math.ceil(samples.length / MAX_POINTS);
  const groups = Array.from({ length: Math.ceil(samples.length / size) }, (_, index) =>
    samples.slice(index * size, (index + 1) * size),
  );
  return groups.map((group) => group.reduce((most, sample) => (sample.pss > most.pss ? sample : most)));
}

function kindsOf(samples: readonly MemorySample[]): string[] {
  const names = [...new Set(samples.flatMap(({ kinds }) => Object.keys(kinds)))];
  const drawn = names.filter((name) => samples.some(({ kinds }) => (kinds[name] ?? 0) > DRAWN_FROM));
  const order = Object.keys(COLOURS);
  const position = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return drawn.sort((one, other) => position(one) - position(other));
}

function startOf(samples: readonly MemorySample[]): number {
  return samples[0]?.atMs ?? NaN;
}

function endOf(samples: readonly MemorySample[]): number {
  return samples.at(-1)?.atMs ?? NaN;
}

function label(x: number, y: number, text: string, attributes = ''): string {
  return `<text x="${x}" y="${y}" ${attributes}>${text}</text>`;
}

/** To one digit. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
