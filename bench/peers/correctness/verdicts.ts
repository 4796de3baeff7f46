// Verdicts on what was observed: good, or in a few words what was wrong.
import { seconds } from '../../report/format.ts';
import type { Observation } from './observe.ts';

/** `good` is null where a peer is not made for it. */
export type Verdict = { good: boolean | null; what: string };

export const GOOD: Verdict = { good: true, what: 'yes' };

export function bad(what: string): Verdict {
  return { good: false, what };
}

/** The main process ended last, and no child was killed before it was done. */
export function drained(observation: Observation): Verdict {
  const killedMs = observation.children.flatMap(({ endedMs, goneMs }) =>
    endedMs === null && goneMs !== null ? [goneMs] : [],
  );
  if (observation.isUp && killedMs.length > 0) return bad(`killed after ${seconds(Math.min(...killedMs))}`);
  return ended(observation);
}

/** The main process ended, and no process outlived it. */
export function ended({ isUp, end, children, left }: Observation): Verdict {
  if (!isUp) return bad('does not start');
  if (end === null) return bad(children.every(({ goneMs }) => goneMs === null) ? 'nothing ends' : 'never ends');
  if (left > 0) return bad(`leaves ${left}`);
  return GOOD;
}

/** One verdict on several cases. Names the cases that are not good, and groups those with the same words. */
export function combine(cases: Record<string, Verdict>): Verdict {
  const wrong = Object.entries(cases).filter(([, { good }]) => good === false);
  if (wrong.length === 0) return GOOD;
  const namesByWords = new Map<string, string[]>();
  for (const [name, { what }] of wrong) namesByWords.set(what, [...(namesByWords.get(what) ?? []), name]);
  const isSameForAll = wrong.length === Object.keys(cases).length && namesByWords.size === 1;
  const lines = [...namesByWords].map(([what, names]) => (isSameForAll ? what : `${names.join(', ')}: ${what}`));
  return bad(lines.join('; '));
}
