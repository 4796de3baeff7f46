// What the whole dyno takes, puma and sidekiq at work: under the shell line, under us, and what each saving is worth.
import { setTimeout as pause } from 'node:timers/promises';
import { atWork } from '../at-work.js';
import { shellLine, supervised } from '../dyno.js';
import { mb, median, times } from '../figures.js';

/** In each burst one job for each thread, so that all allocate at the same time. */
const JOBS = { everyMs: 1000, count: 5, worker: 'AllocatingWorker', argument: 60 };
const WORK_MS = 35_000;
const LAST_MS = 12_000;
const GOAL = 0.6;
const QUOTA = { SUPERVISE_MEMORY_QUOTA: '512M' };
const RUNS = [
  { name: 'the shell line', what: shellLine, env: {} },
  { name: 'mstdn-supervise', what: supervised, env: QUOTA },
  { name: 'without MALLOC_ARENA_MAX=2', what: supervised, env: { ...QUOTA, MALLOC_ARENA_MAX: '0' } },
  { name: 'without WEB_CONCURRENCY=0', what: supervised, env: { ...QUOTA, WEB_CONCURRENCY: '2' } },
];

export async function whole(say) {
  const results = [];
  for (const { name, what, env } of RUNS) {
    const run = await atWork({ what, env, jobs: JOBS }, () => pause(WORK_MS));
    results.push({ ...run, name, ...lastPartOf(run) });
    say(`${name}: ${mb(results.at(-1).pss)}`);
  }
  const [shell, ours] = results;
  const holds = ours.pss <= GOAL * shell.pss;
  return {
    title: `The whole dyno at work, PSS of everything, median of the last ${LAST_MS / 1000} s`,
    rows: rowsOf(results, shell),
    claims: [
      { text: `at most ${GOAL}x of the shell line: ${times(ours.pss, shell.pss)}`, holds },
      { text: 'the same work is done', holds: results.every(isAllDone) },
    ],
  };
}

function lastPartOf({ samples }) {
  const from = samples.at(-1).atMs - LAST_MS;
  const last = samples.filter(({ atMs }) => atMs > from);
  const part = (kind) => median(last.map(({ kinds }) => kinds[kind] ?? 0));
  const own = part('shell') + part('supervisor');
  return { pss: median(last.map(({ pss }) => pss)), puma: part('puma'), sidekiq: part('sidekiq'), own };
}

function rowsOf(results, shell) {
  const heads = [
    '',
    'whole dyno',
    'of the shell line',
    'puma',
    'sidekiq',
    'shell or supervisor',
    'jobs done',
    'requests',
  ];
  const rows = results.map(({ name, pss, puma, sidekiq, own, jobs, load }) => {
    const parts = [puma, sidekiq, own].map(mb);
    return [name, mb(pss), times(pss, shell.pss), ...parts, jobs.done, load.answered];
  });
  return [heads, ...rows];
}

function isAllDone({ jobs, load, ends }) {
  return jobs.done === jobs.enqueued && load.failed === 0 && ends.length === 0;
}
