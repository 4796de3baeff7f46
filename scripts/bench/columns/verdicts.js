// What was seen, judged: `good`, or in a few words what was wrong.
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

export const GOOD = { good: true, what: 'yes' };
export const bad = (what) => ({ good: false, what });

/** It ended, everything else before it, and no child was killed or cut short. */
export function drained(seen) {
  const killed = seen.children.filter(({ endedMs, goneMs }) => endedMs === null && goneMs !== null);
  if (seen.isUp && killed.length > 0)
    return bad(`killed after ${seconds(Math.min(...killed.map((one) => one.goneMs)))}`);
  return over(seen);
}

/** It ended, and nothing outlived it, whatever it took. */
export function over(seen) {
  if (!seen.isUp) return bad('does not start');
  if (seen.end === null)
    return bad(seen.children.every(({ goneMs }) => goneMs === null) ? 'nothing ends' : 'never ends');
  if (seen.left > 0) return bad(`leaves ${seen.left}`);
  return GOOD;
}

/** All of several cases, { name: verdict }: the words of those that are not good, the same words once. */
export function together(cases) {
  const wrong = Object.entries(cases).filter(([, { good }]) => good === false);
  if (wrong.length === 0) return GOOD;
  const words = new Map();
  for (const [name, { what }] of wrong) words.set(what, [...(words.get(what) ?? []), name]);
  const all = wrong.length === Object.keys(cases).length;
  const lines = [...words].map(([what, names]) => (all && words.size === 1 ? what : `${names.join(', ')}: ${what}`));
  return bad(lines.join('; '));
}
