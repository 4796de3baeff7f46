// The figures that can be taken, in the order of taking; each is the function of its name in figures/.
export const FIGURES = ['start', 'rest', 'reaction', 'stop', 'correctness', 'boot', 'relay', 'restarts', 'whole'];
/** Of these, what plays real puma, sidekiq, Redis and Rails. */
export const OF_REAL_PARTS = ['restarts', 'whole'];

/** Loaded when it is asked for: the real parts that one needs are no condition of another. */
export async function figureOf(name) {
  const module = await import(`./figures/${name}.js`);
  return module[name];
}
