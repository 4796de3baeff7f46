// Memory over time as an SVG: one panel for each run, one area for each kind of process. Colours and greys that can be
// read on white and on black.
import { MIB, largest } from './figures.js';

const WIDTH = 760;
const PANEL = { left: 64, right: 130, top: 66, height: 190, below: 58 };
const PLOT_WIDTH = WIDTH - PANEL.left - PANEL.right;
const POINTS = 240;
const GREY = '#77808a';
const COLOURS = { shell: '#5a9e6f', supervisor: '#5a9e6f', puma: '#4a86cf', sidekiq: '#b5569b' };
const OTHER = '#dd8a2e';
const ORDER = ['shell', 'supervisor', 'puma', 'sidekiq'];

/** panels: [{ title, samples, zeroMs, marks: [{ atMs, text }] }], lines: [{ bytes, text }] on every panel. */
export function plot({ panels, lines }) {
  const most =
    1.08 *
    largest([...lines.map(({ bytes }) => bytes), ...panels.flatMap(({ samples }) => samples.map(({ pss }) => pss))]);
  const spanMs = largest(panels.map(({ samples }) => samples.at(-1).atMs - samples[0].atMs));
  const height = panels.length * (PANEL.top + PANEL.height + PANEL.below);
  const body = panels.map((panel, index) => {
    const top = index * (PANEL.top + PANEL.height + PANEL.below) + PANEL.top;
    return `<g transform="translate(${PANEL.left} ${top})">${drawPanel(panel, lines, scales(panel, most, spanMs))}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="${GREY}">
${body.join('\n')}
</svg>
`;
}

function scales({ samples }, most, spanMs) {
  const fromMs = samples[0].atMs;
  return {
    x: (atMs) => round(((atMs - fromMs) / spanMs) * PLOT_WIDTH),
    y: (bytes) => round(PANEL.height * (1 - bytes / most)),
  };
}

function drawPanel(panel, lines, scale) {
  const kinds = kindsOf(panel.samples);
  const points = thinned(panel.samples);
  return [
    text(0, -44, panel.title, 'font-size="15" font-weight="600"'),
    ...areas(points, kinds, scale),
    ...lines.map(({ bytes, text: words }) => level(scale.y(bytes), words)),
    ...panel.marks.map(({ atMs, text: words }, index) => mark(scale.x(atMs), words, index)),
    ...kinds.map(legend),
    axis(panel, scale),
  ].join('\n');
}

function areas(points, kinds, { x, y }) {
  const under = points.map(() => 0);
  return kinds.map((kind) => {
    const lower = points.map(({ atMs }, index) => `${x(atMs)} ${y(under[index])}`).reverse();
    points.forEach(({ kinds: sizes }, index) => (under[index] += sizes[kind] ?? 0));
    const upper = points.map(({ atMs }, index) => `${x(atMs)} ${y(under[index])}`);
    return `<path d="M${[...upper, ...lower].join('L')}Z" fill="${COLOURS[kind] ?? OTHER}"/>`;
  });
}

function level(y, words) {
  return `<path d="M0 ${y}H${PLOT_WIDTH}" stroke="${GREY}" stroke-dasharray="6 4"/>${text(PLOT_WIDTH + 8, y + 4, words)}`;
}

function mark(x, words, index) {
  return `<path d="M${x} ${-4 - (index % 2) * 14}V${PANEL.height}" stroke="${GREY}"/>${text(x + 4, -6 - (index % 2) * 14, words)}`;
}

function legend(kind, place) {
  const [x, y] = [110 * place, PANEL.height + 42];
  return `<rect x="${x}" y="${y - 11}" width="12" height="12" fill="${COLOURS[kind] ?? OTHER}"/>${text(x + 18, y, kind)}`;
}

function axis({ samples, zeroMs }, { x }) {
  const [fromMs, toMs] = [samples[0].atMs, samples.at(-1).atMs];
  const stepMs = toMs - fromMs > 60_000 ? 20_000 : 5000;
  const ticks = [];
  for (let atMs = zeroMs - Math.floor((zeroMs - fromMs) / stepMs) * stepMs; atMs <= toMs; atMs += stepMs) {
    ticks.push(text(x(atMs), PANEL.height + 18, `${Math.round((atMs - zeroMs) / 1000)} s`, 'text-anchor="middle"'));
  }
  return `<path d="M0 0V${PANEL.height}H${PLOT_WIDTH}" fill="none" stroke="${GREY}"/>${ticks.join('')}`;
}

/** Fewer samples; of each few that with the most memory, so that no peak is lost. */
function thinned(samples) {
  const size = Math.ceil(samples.length / POINTS);
  const groups = Array.from({ length: Math.ceil(samples.length / size) }, (_, index) =>
    samples.slice(index * size, (index + 1) * size),
  );
  return groups.map((group) => group.reduce((most, sample) => (sample.pss > most.pss ? sample : most)));
}

/** Those worth an area, from the ground up: what runs all the time, then what comes and goes. */
function kindsOf(samples) {
  const names = [...new Set(samples.flatMap(({ kinds }) => Object.keys(kinds)))];
  const seen = names.filter((name) => samples.some(({ kinds }) => kinds[name] > 4 * MIB));
  const place = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return seen.sort((one, other) => place(one) - place(other));
}

function text(x, y, words, more = '') {
  return `<text x="${x}" y="${y}" ${more}>${words}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
