// What the guard's readings cost at rest: CPU time of the supervisor with the guard, less that without.
import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Dyno, supervised } from '../dyno.js';
import { isUp, makeInstance } from '../instance.js';
import { read } from '../processes.js';

const SETTLE_MS = 15_000;
const REST_MS = 60_000;
const GOAL = 0.1;

export async function cpu(say) {
  const shares = {};
  for (const guard of ['on', 'off']) {
    shares[guard] = await shareAtRest(guard);
    say(`guard ${guard}: ${perCent(shares[guard])} of a core`);
  }
  const readings = shares.on - shares.off;
  return {
    title: `CPU of the supervisor over ${REST_MS / 1000} s, puma and sidekiq at rest`,
    rows: [
      ['SUPERVISE_MEMORY_GUARD', 'of a core'],
      ['on', perCent(shares.on)],
      ['off', perCent(shares.off)],
      ['the readings', perCent(readings)],
    ],
    claims: [{ text: `the readings take under ${GOAL} % of a core`, holds: readings < GOAL }],
  };
}

/** Per cent of a core. */
async function shareAtRest(guard) {
  const instance = await makeInstance();
  Object.assign(instance.env, { SUPERVISE_MEMORY_QUOTA: '512M', SUPERVISE_MEMORY_GUARD: guard });
  const dyno = new Dyno(supervised, instance);
  await isUp(instance);
  await pause(SETTLE_MS);
  const [fromMs, before] = [performance.now(), cpuMs(dyno.child.pid)];
  await pause(REST_MS);
  const share = (100 * (cpuMs(dyno.child.pid) - before)) / (performance.now() - fromMs);
  dyno.kill();
  return share;
}

/** Time on a CPU of all its threads, to the nanosecond: ticks of 10 ms would be as coarse as the goal. */
function cpuMs(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((thread) => Number(read(pid, `task/${thread}/schedstat`).split(' ')[0]));
  return times.reduce((sum, time) => sum + time, 0) / 1e6;
}

function perCent(share) {
  return `${share.toFixed(3)} %`;
}
