// A puma cluster of four workers that share what their master has loaded: its memory by three ways to add it up.
import { setTimeout as pause } from 'node:timers/promises';
import { Dyno, SUPERVISOR } from '../../dyno/dyno.ts';
import { makeInstance, untilUp } from '../../dyno/instance.ts';
import { sampleMemory } from '../../dyno/process-usage.ts';
import { megabytes, MIB, ratio } from '../../report/format.ts';
import type { Row } from '../../report/markdown.ts';
import { median } from '../../report/statistics.ts';
import { makeCgroup } from '../cgroup.ts';
import type { Cgroup } from '../cgroup.ts';
import { Load } from '../load.ts';
import type { Say, ScenarioResult } from '../scenario.ts';

/** In bytes. `all` and `anonymous` are the cgroup's; `logged` is the supervisor's own figure. NaN where there is none. */
type Readings = { rss: number; pss: number; all: number; anonymous: number; logged: number };

const WORK_MS = 12_000;
const READINGS = 20;
const ENV = {
  RUN_WORKER: '',
  WEB_CONCURRENCY: '4',
  PRELOAD_MB: '100',
  SUPERVISE_MEMORY_QUOTA: '1G',
  SUPERVISE_MEMORY_GUARD: 'warn',
  SUPERVISE_MEMORY_LOG: '1',
};

export async function cluster(say: Say): Promise<ScenarioResult> {
  const instance = await makeInstance(ENV);
  const cgroup = makeCgroup();
  say(cgroup ? `in a cgroup of version ${cgroup.version}` : 'no memory cgroup: this machine does not permit one');
  const dyno = new Dyno(cgroup?.enter(SUPERVISOR.command) ?? SUPERVISOR.command, instance);
  await untilUp({ port: instance.port });
  const load = new Load(instance.port, 20);
  await pause(WORK_MS);
  const readings = await medianReadings(dyno, cgroup);
  await load.stop();
  return {
    title: 'puma with four workers and preload_app!, 100 MB of objects loaded by the master',
    rows: rowsOf(readings),
    notes: cgroup ? [] : ['The cgroup’s own figure is missing: this machine lets us make no memory cgroup.'],
    claims: [{ text: 'shared pages are counted once by PSS', holds: readings.pss < readings.rss }],
  };
}

async function medianReadings(dyno: Dyno, cgroup: Cgroup | undefined): Promise<Readings> {
  const readings: Readings[] = [];
  for (let count = 0; count < READINGS; count += 1) {
    const { rss, pss } = sampleMemory(dyno.processes.find());
    const charged = cgroup?.read() ?? { all: NaN, anonymous: NaN };
    readings.push({ rss, pss, ...charged, logged: loggedMemory(dyno) });
    await pause(200);
  }
  const middle = (name: keyof Readings) => median(readings.map((reading) => reading[name]));
  return {
    rss: middle('rss'),
    pss: middle('pss'),
    all: middle('all'),
    anonymous: middle('anonymous'),
    logged: middle('logged'),
  };
}

/** Bytes, from the last metrics line; NaN before the first. */
function loggedMemory({ lines }: Dyno): number {
  const samples = [...lines.join('\n').matchAll(/sample#memory_total=([\d.]+)MB/g)];
  return Number(samples.at(-1)?.[1]) * MIB;
}

function rowsOf({ rss, pss, all, anonymous, logged }: Readings): Row[] {
  const rows = (
    [
      ['RSS of each process added up', rss],
      ['PSS of each process added up', pss],
      ['cgroup: all that is charged, page cache included', all],
      ['cgroup: of processes, without files', anonymous],
      ['sample#memory_total of our log', logged],
    ] as const
  ).filter(([, bytes]) => !Number.isNaN(bytes));
  return [['', 'memory', 'of PSS'], ...rows.map(([name, bytes]) => [name, megabytes(bytes), ratio(bytes / pss)])];
}
