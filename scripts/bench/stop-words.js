// Several stops of one peer, as data and in few words.
import { cell, middleCell, spreadOf } from './spread.js';

const KINDS = ['drains', 'kills', 'leaves', 'never', 'not up'];

/** stops: of stopOf. The commonest outcome, how often it was seen, and the times of those that were so. */
export function summaryOf(stops) {
  const groups = KINDS.map((kind) => ({ kind, those: stops.filter((stop) => kindOf(stop) === kind) }));
  const { kind, those } = groups.reduce((most, group) => (group.those.length > most.those.length ? group : most));
  const times = spreadOf(those.map((stop) => stop?.endedMs ?? NaN));
  return { kind, seen: those.length, of: stops.length, times, left: Math.max(...those.map((stop) => stop?.left ?? 0)) };
}

/** isEndless: children that do not end by themselves, so that to kill them is what is asked. */
export function describeStops(stops, isEndless) {
  const { times, left } = stops;
  const took = times && cell(times, unitOf(times));
  return inWords(stops, {
    drains: took,
    kills: isEndless ? took : `kills them: ${took}`,
    leaves: `leaves ${left}: ${took}`,
    never: 'never',
    'not up': 'does not start',
  });
}

/** In a word: the median of those that let their children drain, what was wrong with the others. */
export function describeStopsShortly(stops) {
  const { times, left } = stops;
  return inWords(stops, {
    drains: times && middleCell(times, unitOf(times)),
    kills: 'kills them',
    leaves: `leaves ${left}`,
    never: 'never',
    'not up': 'does not start',
  });
}

function inWords({ kind, seen, of }, words) {
  return seen === of ? words[kind] : `${words[kind]} (${seen} of ${of} times)`;
}

function unitOf({ median }) {
  return median < 1000 ? { unit: 'ms' } : { unit: 's', digits: 1, per: 1000 };
}

function kindOf(stop) {
  if (stop === null) return 'not up';
  if (stop.endedMs === null) return 'never';
  if (stop.left > 0) return 'leaves';
  return stop.cut > 0 ? 'kills' : 'drains';
}
