import { expect, test } from 'vitest';
import { ask, atBoot, good, story } from './judge-samples.ts';
import { realRecord, realStory } from './real-judge-samples.ts';
import type { RealRecord } from './real-record.ts';
import type { TinyRecord } from './record.ts';
import { Tally } from './tally.ts';

function talliedTiny(...records: Partial<TinyRecord>[]): string {
  const tally = new Tally();
  for (const more of records) tally.add({ story, record: { ...good, ...more }, violations: [] });
  return tally.describe();
}

function talliedReal(more: Partial<RealRecord>): string {
  const tally = new Tally();
  tally.add({ story: realStory, record: realRecord(more), violations: [] });
  return tally.describe();
}

test('a refusal is no answer, nor is a part of one', () => {
  const whole = { isWhole: true, isRight: true };
  const answers = [
    ask({ status: 200, ...whole }),
    ask({ status: 503, ...whole }),
    ask({ status: 200, isWhole: false, isRight: false }),
    ask('nothing'),
  ];
  expect(talliedTiny({ answers })).toContain('requests: 4, of which 1 got their whole answer and 1 a refusal');
});

test('jobs: done, in Redis, or neither', () => {
  const enqueued = ['a', 'b', 'c', 'd'].map((jid) => ({ jid, atMs: 2000, lastsMs: 100 }));
  const finished = { kind: 'job', what: 'finished', pid: 7, atMs: 3000 } as const;
  const ledger = [
    { ...finished, id: 'a' },
    { ...finished, id: 'b', what: 'started' as const },
  ];
  expect(talliedReal({ enqueued, ledger, waiting: ['b', 'c'] })).toContain(
    'jobs: 4, of which 1 were done, 2 were in Redis for the next dyno, and 1 were lost: in hand of',
  );
});

test('who ended before the first line, and who was played on a late machine', () => {
  const late = [121, 300, 300.4, 721].map((lagMs) => ({ lagMs }));
  const said = talliedTiny({}, atBoot, ...late, { end: { code: null, signal: 'SIGKILL' } });
  expect(said).toContain("before the supervisor's first line, and asked only for what is left: 1\n");
  expect(said).toMatch(/late by more than 120 ms: 4, 300 ms: 2, 720 ms: 1; the most 721 ms$/);
});

test('a play that failed is counted', () => {
  const tally = new Tally();
  tally.add({ story, record: null, violations: ['the play itself failed: x'] });
  expect(tally.describe()).toContain('- dynos: 1, 0 of them with real puma');
  expect(tally.describe()).toContain('none, the play itself failed 1');
});
