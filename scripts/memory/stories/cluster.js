// A puma cluster of four that share what their master loaded: what three ways of adding it up say.
import { setTimeout as pause } from 'node:timers/promises';
import { makeCgroup } from '../cgroup.js';
import { Dyno, supervised } from '../dyno.js';
import { mb, median, times } from '../figures.js';
import { isUp, makeInstance } from '../instance.js';
import { Load } from '../load.js';
import { readingOf } from '../meter.js';

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

export async function cluster(say) {
  const instance = await makeInstance();
  Object.assign(instance.env, ENV);
  const cgroup = makeCgroup();
  say(cgroup ? `in a cgroup of version ${cgroup.version}` : 'this machine lets us make no memory cgroup');
  const dyno = new Dyno({ command: cgroup?.enter(supervised.command) ?? supervised.command }, instance);
  await isUp(instance, { sidekiq: false });
  const load = new Load(instance.port, 20);
  await pause(WORK_MS);
  const readings = await read(dyno, cgroup);
  await load.stop();
  return {
    title: 'puma with four workers and preload_app!, 100 MB of objects loaded by the master',
    rows: rowsOf(readings),
    notes: cgroup ? [] : ['The cgroup’s own figure is missing: this machine lets us make no memory cgroup.'],
    claims: [{ text: 'shared pages are counted once by PSS', holds: readings.pss < readings.rss }],
  };
}

async function read(dyno, cgroup) {
  const readings = [];
  for (let count = 0; count < READINGS; count += 1) {
    readings.push({ ...readingOf(dyno.look()), ...cgroup?.read(), ours: ourFigure(dyno) });
    await pause(200);
  }
  const names = ['rss', 'pss', 'all', 'anonymous', 'ours'];
  return Object.fromEntries(names.map((name) => [name, median(readings.map((reading) => reading[name]))]));
}

/** Bytes, from the last line for log drains; NaN before the first. */
function ourFigure({ lines }) {
  const samples = lines.join('\n').matchAll(/sample#memory_total=([\d.]+)MB/g);
  return Number([...samples].at(-1)?.[1]) * 2 ** 20;
}

function rowsOf({ rss, pss, all, anonymous, ours }) {
  const row = (name, bytes) => [name, mb(bytes), times(bytes, pss)];
  const rows = [
    row('RSS of each process added up', rss),
    row('PSS of each process added up', pss),
    row('cgroup: all that is charged, page cache included', all),
    row('cgroup: of processes, without files', anonymous),
    row('sample#memory_total of our log', ours),
  ];
  return [['', 'memory', 'of PSS'], ...rows.filter(([, value]) => !value.startsWith('NaN'))];
}
