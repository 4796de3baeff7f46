// What a plot marks: when the guard acted, and when a dyno ended.
const ACTED = /^(memory-)?(relieve|save|verdict|recycl|relieving|saving|helper)/;

/** [{ atMs, text }] from the facts of the supervisor and the ends that the platform saw. */
export function momentsOf(facts, ends) {
  const acts = facts.filter(({ fact }) => ACTED.test(fact)).map(({ atMs, fact }) => ({ atMs, text: fact }));
  return [
    ...acts,
    ...ends.map(({ atMs, how }) => ({ atMs, text: how === 'R15' ? 'the platform kills the dyno' : how })),
  ];
}
