// Private memory, settled, in the moments of a router's life.
import { median } from '../memory/figures.js';
import { settledPrivateOf } from './processes.js';
import { Visitors } from './visitors-process.js';
import { loadOf } from './wrk.js';

const LOAD = { path: '/', connections: 16, seconds: 6 };

/** Of some that are alike. */
export async function middleOf(dynos) {
  return median(await Promise.all(dynos.map(({ pid }) => settledPrivateOf(pid))));
}

/** What each target holds after some seconds of load, one after another. */
export async function loadInTurn(targets) {
  const found = [];
  for (const target of targets) found.push(await loadOf(target, LOAD));
  const after = await Promise.all(targets.map(({ pid }) => settledPrivateOf(pid)));
  return found.map(({ requests, errors }, index) => ({ requests, errors, bytes: after[index] }));
}

/** What a target holds with each crowd of these sizes, and when all have left; how many stayed. `empty`: what it holds with
 * nobody there. */
export async function crowd({ pid, port }, empty, sizes) {
  const visitors = new Visitors(port);
  const bytes = [empty];
  for (const size of sizes) {
    await visitors.become(size);
    bytes.push(await settledPrivateOf(pid));
  }
  const stayed = await visitors.become(sizes.at(-1));
  await visitors.become(0);
  const left = await settledPrivateOf(pid);
  visitors.stop();
  return { bytes, left, stayed, each: (bytes.at(-1) - bytes[0]) / sizes.at(-1) };
}
