// One row for each peer, from the raw data of all figures.
import { MIB, markdownTable } from '../memory/figures.js';
import { describe } from './machine.js';
import { describeStops } from './stop-words.js';

const COLUMNS = {
  'start, 3 children': ({ start }) => start && ms(start.of3),
  'memory at rest': ({ rest }) => rest && megabytes(rest.of3.private),
  'each added child': ({ rest }) => rest && `${Math.round(rest.perChild.private / 1024)} kB`,
  'a child dies: TERM to the rest': ({ reaction }) => reaction && (reaction.word ?? ms(reaction.spread, 1)),
  'stop, children need 0.3 s': ({ stop }) => stop && stopped(stop),
  correct: ({ correctness }) => correctness && `${correctness.good} of ${correctness.of}`,
  'TERM at boot': ({ boot }) => boot && booted(boot),
  'jobs lost': ({ restarts }) => restarts && both(restarts, ({ jobs }) => jobs.lost),
  'requests failed': ({ restarts }) => restarts && both(restarts, ({ requests }) => failed(requests)),
};

/** evidence: { [figure]: { place, data: { [name]: … } } }, as many as there are. */
export function shortTable(evidence) {
  const names = Object.keys(evidence.start?.place.versions ?? {});
  const rows = names.map((name) => {
    const found = Object.fromEntries(Object.entries(evidence).map(([figure, { data }]) => [figure, data[name]]));
    return [name, ...Object.values(COLUMNS).map((column) => column(found) ?? '—')];
  });
  return [markdownTable([['', ...Object.keys(COLUMNS)], ...rows]), placesOf(evidence)].join('\n\n');
}

/** In one line, where all were taken on the same day. */
function placesOf(evidence) {
  const places = Object.values(evidence).map(({ place }) => place);
  const quick = places.some(({ isQuick }) => isQuick) ? ' Partly of a quick run, to try it out: no evidence.' : '';
  return [...new Set(places.map((place) => `${describe(place)}.`))].join(' ') + quick;
}

function ms(spread, digits = 0) {
  return spread ? `${spread.median.toFixed(digits)} ms` : null;
}

function megabytes(spread) {
  return spread ? `${(spread.median / MIB).toFixed(1)} MB` : null;
}

/** TERM to all, as Heroku sends it, and TERM to the main process only: the median, or what was wrong. */
function stopped({ all, main }) {
  const words = [all, main].map(({ 300: found }) => describeStops(found, false).replace(/( \(.* to .*\)|: .*)/, ''));
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
