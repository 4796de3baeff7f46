// One row for each peer, from the raw data of all figures.
import { MIB, markdownTable } from '../memory/figures.js';
import { describe } from './machine.js';
import { middleCell } from './spread.js';
import { describeStopsShortly } from './stop-words.js';

const COLUMNS = {
  'start, 3 children': ({ start }) => start && middleCell(start.of3, { unit: 'ms' }),
  'private dirty memory at rest': ({ rest }) => rest && middleCell(rest.of3.dirty, { unit: 'MB', digits: 1, per: MIB }),
  'of each added child': ({ rest }) => rest && kilobytes(rest.perChild.dirty),
  'a child dies: TERM to the rest': ({ reaction }) => reaction && (reaction.word ?? reacted(reaction)),
  'stop, children need 0.3 s': ({ stop }) => stop && stopped(stop),
  correct: ({ correctness }) => correctness && `${correctness.good} of ${correctness.of}`,
  'TERM at boot': ({ boot }) => boot && booted(boot),
  'jobs lost': ({ restarts }) => restarts && both(restarts, ({ jobs }) => jobs.lost),
  'requests failed': ({ restarts }) => restarts && both(restarts, ({ requests }) => failed(requests)),
};
/** Whose figures are neither here nor in a picture beside it. */
const NOT_SHOWN = ['relay'];

/** evidence: { [figure]: { place, data: { [name]: … } } }, as many as there are. */
export function shortTable(evidence) {
  const names = Object.keys(evidence.start?.place.versions ?? {});
  const rows = names.map((name) => {
    const found = Object.fromEntries(Object.entries(evidence).map(([figure, { data }]) => [figure, data[name]]));
    return [name, ...Object.values(COLUMNS).map((column) => column(found) ?? '—')];
  });
  return [markdownTable([['', ...Object.keys(COLUMNS)], ...rows]), placesOf(evidence)].join('\n\n');
}

/** Where and when: in one line where it is the same for all, else which figures are of which. */
function placesOf(evidence) {
  const figures = new Map();
  for (const [figure, { place }] of Object.entries(evidence)) {
    if (NOT_SHOWN.includes(figure)) continue;
    figures.set(describe(place), [...(figures.get(describe(place)) ?? []), figure]);
  }
  const whose = (names) => (figures.size > 1 ? `${names.join(', ')}: ` : '');
  return [...figures].map(([place, names]) => `${whose(names)}${place}.`).join(' ');
}

function kilobytes(bytes) {
  return bytes === null ? null : `${Math.round(bytes / 1024)} kB`;
}

function reacted({ spread, missed }) {
  const never = missed > 0 ? ` (${missed} of ${spread.count + missed} times never)` : '';
  return `${middleCell(spread, { unit: 'ms', digits: 1 })}${never}`;
}

/** TERM to all, as Heroku sends it, and TERM to the main process only: the median, or what was wrong. */
function stopped({ all, main }) {
  const words = [all, main].map(({ 300: found }) => describeStopsShortly(found));
  return words[0] === words[1] ? words[0] : words.join(' / ');
}

function booted({ counts }) {
  const all = Object.values(counts);
  return `${all.reduce((sum, { good }) => sum + good, 0)} of ${all.reduce((sum, count) => sum + count.of, 0)}`;
}

function both({ all, main }, count) {
  return `${count(all)} / ${count(main)}`;
}

function failed({ failedFresh, failedKept }) {
  return failedFresh + failedKept;
}
