// The figures that can be taken, in the order of taking; each is the function of its name in figures/.
import { existsSync } from 'node:fs';

const NAMES = ['start', 'rest', 'reaction', 'stop', 'correctness', 'boot', 'relay', 'restarts', 'whole'];

export const FIGURES = NAMES.filter((name) => existsSync(fileOf(name)));

/** Loaded when it is asked for: the real parts that one needs are no condition of another. */
export async function figureOf(name) {
  const module = await import(fileOf(name).href);
  return module[name];
}

function fileOf(name) {
  return new URL(`figures/${name}.js`, import.meta.url);
}
