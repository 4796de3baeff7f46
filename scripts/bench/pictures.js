// The pictures of the README: bars with their numbers beside them, on no background, for light and dark pages.

const WIDTH = 760;
const LABELS = 275;
const NUMBERS = 130;
const BARS = WIDTH - LABELS - NUMBERS;
const TOP = 58;
const BAR = { height: 13, gap: 3, between: 12 };
const STYLE = `text { font: 14px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; } .light { fill: #59636e; } .ours text { font-weight: 600; }
.first { fill: #8c959f; } .second { fill: #c4cbd2; } .ours .first { fill: #1a7f5a; } .ours .second { fill: #6cc2a1; }
.axis { stroke: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .light { fill: #9198a1; }
  .first { fill: #7d8590; } .second { fill: #484f58; } .ours .first { fill: #3fb68b; } .ours .second { fill: #22694f; }
  .axis { stroke: #7d8590; }
}`;

/** data: of the figure `restarts`. A bar is jobs for each restart, so that one with fewer restarts is drawn as long as it should. */
export function jobsLost(data) {
  const most = Math.max(...Object.values(data).map(({ all }) => all.restarts));
  const bar = ({ jobs, restarts }) => ({
    size: jobs.lost / restarts,
    text: restarts < most ? `${jobs.lost} in ${restarts} restarts` : `${jobs.lost}`,
  });
  return chart({
    title: `Jobs lost in ${most} restarts of a dyno with five jobs in hand`,
    legend: ['TERM to all, as Heroku does', 'TERM to the main process only'],
    groups: Object.entries(data).map(([name, { all, main }]) => ({
      name,
      isOurs: name.startsWith('mstdn-supervise'),
      bars: [bar(all), bar(main)],
    })),
  });
}

/** data: of the figure `whole`: the shell line, then ours with its variants. */
export function wholeDyno(data) {
  const [shell] = Object.values(data);
  const text = (bytes) => `${Math.round(bytes / 2 ** 20)} MB, ${Math.round((100 * bytes) / shell.pssBytes)} %`;
  return chart({
    title: 'Memory of the whole dyno, real puma and sidekiq at work',
    groups: Object.entries(data).map(([name, { pssBytes }], index) => ({
      name,
      isOurs: index > 0,
      bars: [{ size: pssBytes, text: text(pssBytes) }],
    })),
  });
}

/** groups: [{ name, isOurs, bars: [{ size, text }] }]; legend: what the first and the second bar of each is. */
function chart({ title, legend = [], groups }) {
  const scale = BARS / Math.max(...groups.flatMap(({ bars }) => bars.map(({ size }) => size)), Number.MIN_VALUE);
  const step = groups[0].bars.length * (BAR.height + BAR.gap) + BAR.between;
  const from = legend.length > 0 ? TOP : TOP - 20;
  const height = from + groups.length * step;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<text class="title" x="0" y="18">${escaped(title)}</text>
${legend.map(key).join('\n')}
${groups.map((group, index) => drawGroup(group, from + index * step, scale)).join('\n')}
<path class="axis" d="M${LABELS} ${from}V${height - BAR.between}"/>
</svg>
`;
}

function key(words, place) {
  const x = LABELS + 235 * place;
  return `<rect class="${classOf(place)}" x="${x}" y="31" width="12" height="12"/><text class="light" x="${x + 18}" y="42">${escaped(words)}</text>`;
}

function drawGroup({ name, isOurs: ours, bars }, top, scale) {
  const middle = top + (bars.length * (BAR.height + BAR.gap) - BAR.gap) / 2 + 5;
  const drawn = bars.map(({ size, text }, index) => {
    const y = top + index * (BAR.height + BAR.gap);
    const width = Math.round(10 * size * scale) / 10;
    const rect = `<rect class="${classOf(index)}" x="${LABELS}" y="${y}" width="${width}" height="${BAR.height}"/>`;
    return `${rect}<text x="${LABELS + width + 8}" y="${y + BAR.height - 1}">${escaped(text)}</text>`;
  });
  const label = `<text x="${LABELS - 10}" y="${middle}" text-anchor="end">${escaped(name)}</text>`;
  return `<g${ours ? ' class="ours"' : ''}>${label}${drawn.join('')}</g>`;
}

function classOf(place) {
  return ['first', 'second'][place];
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
