// What a plot marks: when the guard acted, and when a dyno ended.
const ACTS = {
  ending: ({ process }) => `${process.split(' ')[0]} is ended`,
  saving: ({ child }) => `${child} is stopped`,
  recycling: ({ child }) => `${child} is quieted`,
  restarting: ({ child }) => `${child} is restarted`,
};

/** [{ atMs, text }] from the facts of the supervisor and the ends that the platform saw. */
export function momentsOf(facts, ends) {
  const acts = facts
    .filter(({ fact }) => fact in ACTS)
    .map((said) => ({ atMs: said.atMs, text: ACTS[said.fact](said) }));
  return [...acts, ...ends.map(({ atMs, how }) => ({ atMs, text: how === 'R15' ? 'the platform kills it all' : how }))];
}
