// What the whole dyno takes, puma and sidekiq at work: under the shell line, under us, and what each saving is worth.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { atWork } from '../at-work.js';
import { isAllDone, lastThirdOf, workInBursts } from '../bursts.js';
import { shellLine, supervised } from '../dyno.js';
import { temporaryFolder } from '../ending.js';
import { mb, times } from '../figures.js';

const SAMPLES_MS = 250;
const GOAL = 0.6;
const QUOTA = { SUPERVISE_MEMORY_QUOTA: '512M' };

export async function whole(say) {
  const results = [];
  for (const { name, what, env } of runs()) {
    const run = await atWork({ what, env, samplesMs: SAMPLES_MS }, workInBursts);
    results.push({ ...run, name, ...lastThirdOf(run) });
    say(`${name}: ${mb(results.at(-1).pss)}`);
  }
  const [shell, ours, withJemalloc] = results;
  return {
    title: 'The whole dyno at work, PSS of everything, median of the last third',
    rows: rowsOf(results, shell),
    data: Object.fromEntries(results.map(dataOf)),
    claims: [
      {
        text: `at most ${GOAL}x of the shell line: ${times(ours.pss, shell.pss)}`,
        holds: ours.pss <= GOAL * shell.pss,
      },
      {
        text: `with JEMALLOC_ENABLED=true at most ${GOAL}x of it: ${times(withJemalloc.pss, shell.pss)}`,
        holds: withJemalloc.pss <= GOAL * shell.pss,
      },
      { text: 'the same jobs are done, every request is answered', holds: results.every(isAllDone) },
    ],
  };
}

function runs() {
  const node = join(temporaryFolder(), 'node');
  copyFileSync(supervised.command[0], node);
  // A node of its own: the pages of one that runs elsewhere as well, as here, would count in part only.
  const what = { ...supervised, command: [node, ...supervised.command.slice(1)] };
  return [
    { name: 'the shell line', what: shellLine, env: {} },
    { name: 'mstdn-supervise', what, env: QUOTA },
    { name: 'with JEMALLOC_ENABLED=true', what, env: { ...QUOTA, JEMALLOC_ENABLED: 'true' } },
    { name: 'with SUPERVISE_RUBY_GC=default', what, env: { ...QUOTA, SUPERVISE_RUBY_GC: 'default' } },
    { name: 'without MALLOC_ARENA_MAX=2', what, env: { ...QUOTA, MALLOC_ARENA_MAX: '0' } },
    { name: 'without WEB_CONCURRENCY=0', what, env: { ...QUOTA, WEB_CONCURRENCY: '2' } },
  ];
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

function dataOf({ name, pss, puma, sidekiq, own, jobs, load }) {
  const bytes = { pssBytes: pss, pumaBytes: puma, sidekiqBytes: sidekiq, ownBytes: own };
  return [name, { ...bytes, jobsDone: jobs.done, requestsAnswered: load.answered }];
}
