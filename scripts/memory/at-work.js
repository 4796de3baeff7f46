// A dyno with visitors and jobs, watched by the platform.
import { setTimeout as pause } from 'node:timers/promises';
import { largest } from './figures.js';
import { isUp, makeInstance } from './instance.js';
import { Ledger } from './ledger.js';
import { Load } from './load.js';
import { Platform } from './platform.js';

const REQUESTS_PER_SECOND = 20;
/** Time for a request to fail that is on its way when the last job is done. */
const LAST_REQUESTS_MS = 2000;

/** Boots `what` with `env`, keeps requests (`perSecond`; 0 for none) and `jobs`, if any ({ everyMs, count, worker, argument }), coming while `act(run)`
 * takes, then waits until nothing moves any more, and ends it all. Gives what was seen, and what `act` gave as `seen`. */
export async function atWork({ what, env, jobs, perSecond = REQUESTS_PER_SECOND, ...watch }, act) {
  const instance = await makeInstance();
  Object.assign(instance.env, env);
  const platform = new Platform(what, instance, watch);
  await isUp(instance);
  const ledger = new Ledger(instance.redis);
  const load = new Load(instance.port, perSecond);
  if (jobs) ledger.keepEnqueueing(jobs.everyMs, jobs.count, jobs.worker, jobs.argument);
  const seen = await act({ ledger, load, platform });
  ledger.stop();
  const [settled] = await Promise.all([ledger.settle(), pause(LAST_REQUESTS_MS)]);
  await load.stop();
  await platform.stop();
  return { name: what.name, seen, jobs: settled, load: requests(load), ...sightsOf(platform) };
}

function requests({ sent, answered, answersMs, slowestMs, failuresMs }) {
  const outageMs = failuresMs.length === 0 ? 0 : failuresMs.at(-1) - failuresMs[0];
  return { sent, answered, answersMs, failed: failuresMs.length, slowestMs, outageMs };
}

function sightsOf({ ends, facts, overQuotaMs, meter: { samples } }) {
  return { ends, facts, overQuotaMs, samples, peak: largest(samples.map(({ pss }) => pss)) };
}
