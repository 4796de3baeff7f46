// The cost of the memory guard's readings at rest: CPU time of the supervisor with the guard, minus that without it.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Dyno, SUPERVISOR } from '../../dyno/dyno.ts';
import { makeInstance, untilUp } from '../../dyno/instance.ts';
import { scheduledCpuMs } from '../../dyno/process-usage.ts';
import type { Say, ScenarioResult } from '../scenario.ts';

const SETTLE_MS = 15_000;
const REST_MS = 60_000;
/** Per cent of a core. */
const GOAL = 0.2;

export async function cpu(say: Say): Promise<ScenarioResult> {
  const on = await shareAtRest('on', say);
  const off = await shareAtRest('off', say);
  const readings = on - off;
  return {
    title: `CPU of the supervisor over ${REST_MS / 1000} s, puma and sidekiq at rest`,
    rows: [
      ['SUPERVISE_MEMORY_GUARD', 'of a core'],
      ['on', perCent(on)],
      ['off', perCent(off)],
      ['the readings', perCent(readings)],
    ],
    claims: [{ text: `the readings take under ${GOAL} % of a core`, holds: readings < GOAL }],
  };
}

/** Per cent of a core. Measured in nanoseconds: the ticks of 10 ms in /proc/PID/stat would be as coarse as the goal. */
async function shareAtRest(guard: 'on' | 'off', say: Say): Promise<number> {
  const instance = await makeInstance({ SUPERVISE_MEMORY_QUOTA: '512M', SUPERVISE_MEMORY_GUARD: guard });
  const dyno = new Dyno(SUPERVISOR.command, instance);
  await untilUp(instance);
  await pause(SETTLE_MS);
  const pids = [dyno.processes.rootPid];
  const [fromMs, before] = [performance.now(), scheduledCpuMs(pids)];
  await pause(REST_MS);
  const share = (100 * (scheduledCpuMs(pids) - before)) / (performance.now() - fromMs);
  dyno.kill();
  say(`guard ${guard}: ${perCent(share)} of a core`);
  return share;
}

function perCent(share: number): string {
  return `${share.toFixed(3)} %`;
}
