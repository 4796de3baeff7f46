import { Run } from './run.js';

const UP_WITHIN_MS = 30_000;

/** One run of each peer, started side by side: [{ peer, run }] once their children are up, or have had their time. `options`
 * gives those of a run. */
export async function allUp(peers, options) {
  return Promise.all(
    peers.map(async (peer) => {
      const settings = await options(peer);
      const run = new Run(peer, settings);
      await run.untilNoted('up', settings.count, UP_WITHIN_MS);
      return { peer, run };
    }),
  );
}
