import { expect, test } from 'vitest';
import {
  asked,
  done,
  REAL_STOP_MS as STOP_MS,
  realRecord as record,
  realStory as story,
  term,
} from './real-judge-samples.ts';
import { judgeReal } from './real-judge.ts';
import type { Done, Entry, RealRecord, Visit } from './real-record.ts';
import type { Part, RealDeed, RealStory, StopSignal } from './real-story.ts';

function tell(whom: Part, signal: StopSignal, goneAtMs: number | null): Done {
  return { ...done({ do: 'tell', signal, whom }, STOP_MS - 3000, [whom]), goneAtMs };
}

function job(what: Entry['what'], atMs: number, id = 'a'): Entry {
  return { kind: 'job', id, what, pid: 7, atMs };
}

function ask(what: Entry['what'], atMs: number): Entry {
  return { kind: 'ask', id: 'r', what, pid: 8, atMs };
}

function visit(gave: Visit['gave'], more: Partial<Visit> = {}): Visit {
  return { id: 'r', lastsMs: 500, askedAtMs: STOP_MS - 200, endedAtMs: STOP_MS + 400, gave, ...more };
}

const enqueued = [{ jid: 'a', atMs: 2000, lastsMs: 2900 }];
const problems = (more: Partial<RealRecord>, of: RealStory = story): string[] => judgeReal(of, record(more));
const one = (pattern: RegExp): unknown => [expect.stringMatching(pattern)];

test('a good stop breaks nothing', () => {
  expect(problems({})).toEqual([]);
});

test('the code, the budget, the last line and what is left', () => {
  expect(problems({ end: { code: 3, signal: null }, facts: [{ ...asked, code: 3 }] })).toEqual(one(/exit code 3/));
  expect(problems({ end: { code: 137, signal: null }, facts: [{ ...asked, code: 137 }] })).toEqual(
    one(/exit code 137/),
  );
  expect(problems({ endedAtMs: STOP_MS + 8050 })).toEqual([]);
  expect(problems({ endedAtMs: STOP_MS + 8150 })).toEqual(one(/8150 ms from the cause/));
  expect(problems({ warnings: ['a warning of Node: (node:4) Leaks'] })).toEqual(one(/warning of Node/));
  expect(problems({ facts: [] })).toEqual(one(/the last line is no outcome/));
  expect(problems({ facts: [{ ...asked, code: 1 }] })).toEqual(one(/says code 1, not 0/));
  expect(problems({ facts: [{ ...asked, cause: 'child-exited', child: 'puma' }] })).toEqual(one(/another cause/));
  expect(problems({ facts: [{ ...asked, signal: 'SIGINT' }] })).toEqual(one(/another cause/));
  expect(problems({ processesLeft: [{ what: '7 sidekiq', bornAtMs: 2000 }] })).toEqual(
    one(/process 7 sidekiq was left/),
  );
  expect(problems({ filesLeft: ['x.ready'] })).toEqual(one(/x.ready was left/));
});

test('a TERM within a second of the end of a part that was told to end is one to all, and no later one', () => {
  const stoppedAfterMs = (ms: number): string[] =>
    problems({ done: [tell('puma', 'SIGTERM', STOP_MS - ms), done(term, STOP_MS)] });
  for (const ms of [900, 1010]) expect(stoppedAfterMs(ms)).toEqual([]);
  expect(stoppedAfterMs(1500)).not.toEqual([]);
});

test('nor is one after a second INT, or after a HUP to sidekiq, which dies of it', () => {
  const interrupt: RealDeed = { do: 'stop', signal: 'SIGINT', toAll: false };
  const interruptedAt = (...times: number[]): string[] =>
    problems({
      done: [
        tell('puma', 'SIGTERM', STOP_MS - 950),
        ...times.map((ms) => done(interrupt, STOP_MS - ms)),
        done(term, STOP_MS),
      ],
    });
  expect(interruptedAt(900, 300)).not.toEqual([]);
  for (const times of [[900], [900, 860], [900, 410], [500, 30]]) expect(interruptedAt(...times)).toEqual([]);
  const hungUp = (whom: Part): string[] => problems({ done: [tell(whom, 'SIGHUP', STOP_MS - 900), done(term)] });
  expect(hungUp('puma')).toEqual([]);
  expect(hungUp('sidekiq')).not.toEqual([]);
});

test('an end that nobody caused, and a KILL of the supervisor that we did not send', () => {
  expect(problems({ done: [] })).toEqual(one(/nothing that we know of/));
  expect(problems({ end: { code: null, signal: 'SIGKILL' } })).toEqual(one(/we did not send it/));
  const killed = { do: 'kill', whom: 'supervisor' } as const;
  expect(problems({ end: { code: null, signal: 'SIGKILL' }, done: [done(killed)] })).toEqual([]);
});

test('of a supervisor that is killed only what it was just starting may be left', () => {
  const killed = { end: { code: null, signal: 'SIGKILL' }, done: [done({ do: 'kill', whom: 'supervisor' })] } as const;
  const left = (bornAtMs: number): Partial<RealRecord> => ({ processesLeft: [{ what: '7 sidekiq', bornAtMs }] });
  expect(problems({ ...killed, ...left(STOP_MS - 50) })).toEqual([]);
  expect(problems({ ...killed, ...left(STOP_MS - 500) })).toEqual(one(/process 7 sidekiq was left/));
  expect(problems({ ...killed, ...left(STOP_MS - 800), lagMs: 1500 })).toEqual(one(/process 7 sidekiq was left/));
  expect(problems(left(STOP_MS - 50))).toEqual(one(/process 7 sidekiq was left/));
});

test('the end of a killed part is told with its code', () => {
  const kill = done({ do: 'kill', whom: 'puma' }, STOP_MS, ['puma']);
  expect(problems({ done: [kill] })).toHaveLength(2);
  const facts = [{ fact: 'outcome', cause: 'child-exited', child: 'puma', code: 137 }];
  expect(problems({ done: [kill], facts, end: { code: 137, signal: null } })).toEqual([]);
});

test('a part that dies of a HUP to all is told with what it can make of that, 0 as 1, not with a code of ours', () => {
  const hup = done({ do: 'stop', signal: 'SIGHUP', toAll: true }, STOP_MS, ['sidekiq']);
  const ended = (code: number): string[] =>
    problems({
      ...{ done: [hup], end: { code, signal: null } },
      facts: [{ fact: 'outcome', cause: 'child-exited', child: 'sidekiq', code }],
    });
  for (const code of [1, 129]) expect(ended(code)).toEqual([]);
  for (const code of [0, 137, 64, 70, 75, 78, 126, 127])
    expect(ended(code)).toEqual(one(new RegExp(`exit code ${code}`)));
});

test('a stop by a HUP to all may find a part dead of it, one by an INT may not', () => {
  const stopped = (signal: StopSignal, code: number): string[] =>
    problems({
      ...{ done: [done({ do: 'stop', signal, toAll: true }, STOP_MS, ['sidekiq'])], end: { code, signal: null } },
      facts: [{ ...asked, signal, code, msg: `asked to stop by ${signal}` }],
    });
  for (const code of [0, 137]) expect(stopped('SIGHUP', code)).toEqual([]);
  for (const code of [1, 129]) expect(stopped('SIGHUP', code)).toEqual(one(new RegExp(`exit code ${code}, expected`)));
  expect(stopped('SIGINT', 0)).toEqual([]);
  expect(stopped('SIGINT', 137)).toEqual(one(/exit code 137, expected one of 0$/));
});

test('the end of a part that was told to end alone is told with its code, 0 as 1; one that goes on is no reason', () => {
  const told = (code: number, goneAtMs: number | null): string[] =>
    problems({
      ...{ done: [tell('sidekiq', 'SIGTERM', goneAtMs)], end: { code, signal: null } },
      facts: [{ fact: 'outcome', cause: 'child-exited', child: 'sidekiq', code }],
    });
  for (const code of [1, 143]) expect(told(code, STOP_MS)).toEqual([]);
  for (const code of [0, 3, 137]) expect(told(code, STOP_MS)).toEqual(one(new RegExp(`exit code ${code}, expected`)));
  expect(told(1, null)).toEqual(one(/nothing that we know of/));
  expect(problems({ done: [tell('puma', 'SIGINT', null), done(term)] })).toEqual([]);
});

test('a sidekiq that is told to end alone gives its jobs back; one that hears HUP has lost those in hand', () => {
  const end = { end: { code: 1, signal: null } };
  const facts = [{ fact: 'outcome', cause: 'child-exited', child: 'sidekiq', code: 1 }];
  const ledger = [job('started', STOP_MS - 3100)];
  const lives = (signal: StopSignal, more: Partial<RealRecord>): string[] =>
    problems({ ...end, facts, enqueued, ledger, done: [tell('sidekiq', signal, STOP_MS)], ...more });
  expect(lives('SIGTERM', { waiting: ['a'] })).toEqual([]);
  expect(lives('SIGTERM', {})).toEqual(one(/job a is lost/));
  expect(lives('SIGHUP', {})).toEqual([]);
  const finished = { ledger: [...ledger, job('finished', STOP_MS - 100)], waiting: ['a'] };
  expect(lives('SIGTERM', finished)).toEqual([]);
  const early = { ledger: [...ledger, job('finished', STOP_MS - 2000)], waiting: ['a'] };
  expect(lives('SIGTERM', early)).toEqual(one(/done 1 times and waits 1/));
});

test('who asks a puma that was told to end alone is refused by the router, and who asks one beside a told sidekiq is not', () => {
  const refused = visit({ status: 502, isRight: false }, { askedAtMs: STOP_MS - 2500, endedAtMs: STOP_MS - 2400 });
  const told = (whom: Part): string[] =>
    problems({ done: [tell(whom, 'SIGTERM', null), done(term)], visits: [refused] });
  expect(told('puma')).toEqual([]);
  expect(told('sidekiq')).toEqual(one(/got 502/));
});

test("a puma that is restarted by USR2 may refuse with 502, not with 503; sidekiq's TTIN is no reason", () => {
  const refused = (signal: 'SIGUSR2' | 'SIGTTIN', status: number): string[] =>
    problems({
      done: [done({ do: 'tell', signal, whom: 'supervisor' }, STOP_MS - 3000), done(term)],
      visits: [visit({ status, isRight: false }, { askedAtMs: STOP_MS - 2500, endedAtMs: STOP_MS - 2400 })],
    });
  expect(refused('SIGUSR2', 502)).toEqual([]);
  expect(refused('SIGUSR2', 503)).toEqual(one(/got 503/));
  expect(refused('SIGTTIN', 502)).toEqual(one(/got 502/));
});

test('a sidekiq that ended by itself is told, with its code', () => {
  const ledger: Entry[] = [{ kind: 'end', id: 'sidekiq', what: 'code1', pid: 7, atMs: STOP_MS - 1000 }];
  expect(problems({ ledger })).toEqual([expect.stringMatching(/exit code 0/), expect.stringMatching(/another cause/)]);
  const facts = [{ fact: 'outcome', cause: 'child-exited', child: 'sidekiq', code: 1 }];
  expect(problems({ ledger, facts, end: { code: 1, signal: null } })).toEqual([]);
});

test('a job that is neither done nor in the queue is lost', () => {
  expect(problems({ enqueued })).toEqual(one(/job a is lost: it never started/));
  expect(problems({ enqueued, ledger: [job('started', STOP_MS - 100)] })).toEqual(one(/job a is lost: started/));
  expect(problems({ enqueued, ledger: [job('started', 3000), job('finished', 4000)] })).toEqual([]);
  expect(problems({ enqueued, ledger: [job('started', STOP_MS - 100)], waiting: ['a'] })).toEqual([]);
});

test('a job that never started may be gone with a Redis that is restarted, where it was in the queue by then', () => {
  const restarted = (atMs: number): Partial<RealRecord> => ({
    enqueued,
    done: [done({ do: 'restart redis', downMs: 0 }, atMs), done(term)],
  });
  const atMs = 2000;
  expect(problems(restarted(atMs + 10))).toEqual([]);
  expect(problems(restarted(atMs - 1000))).toEqual(one(/job a is lost/));
  expect(problems({ ...restarted(atMs + 10), ledger: [job('started', atMs + 5)] })).toEqual(one(/job a is lost/));
});

test('only jobs in hand may be lost with a sidekiq that somebody killed, and no more than its threads', () => {
  const killed = {
    done: [done({ do: 'kill', whom: 'sidekiq' }, STOP_MS, ['sidekiq'])],
    facts: [{ fact: 'outcome', cause: 'child-exited', child: 'sidekiq', code: 137 }],
    end: { code: 137, signal: null },
  };
  expect(problems({ ...killed, enqueued, ledger: [job('started', STOP_MS - 100)] })).toEqual([]);
  expect(problems({ ...killed, enqueued, ledger: [job('started', STOP_MS - 100), job('stopped', 9990)] })).toEqual([]);
  const four = ['a', 'b', 'c', 'd'];
  const many = four.map((jid) => ({ jid, atMs: 2000, lastsMs: 2900 }));
  const ledger = four.map((id) => job('started', STOP_MS - 100, id));
  expect(problems({ ...killed, enqueued: many, ledger })).toEqual(one(/4 jobs are lost, and only 3/));
});

test('a job that was given back in vain, because Redis was away, may be lost; not one whose Redis was back in time', () => {
  const restart = { do: 'restart redis', downMs: 1000 } as const;
  const ledger = [job('started', STOP_MS - 100)];
  const at = (atMs: number): Done[] => [done(term), { ...done(restart, atMs), untilMs: atMs + 1100 }];
  expect(problems({ enqueued, ledger, done: at(STOP_MS + 2500) })).toEqual([]);
  expect(problems({ enqueued, ledger, done: at(STOP_MS - 5000) })).toEqual(one(/job a is lost/));
});

test('a job is done twice, or done and waiting, only in the moment in which it is given back', () => {
  const twice = [job('started', 3000), job('finished', 4000), job('started', 5000), job('finished', 6000)];
  expect(problems({ enqueued, ledger: twice })).toEqual(one(/done 2 times/));
  expect(problems({ enqueued, ledger: twice.slice(0, 2), waiting: ['a'] })).toEqual(one(/done 1 times and waits 1/));
  expect(problems({ enqueued, waiting: ['a', 'a'] })).toEqual(one(/waits 2 times/));
  const late = [job('started', STOP_MS), job('finished', STOP_MS + 3000)];
  expect(problems({ enqueued, ledger: late, waiting: ['a'] })).toEqual([]);
});

test('an answer is right, broken off, or a documented refusal at its time', () => {
  const right = { status: 200, isRight: true };
  expect(problems({ visits: [visit(right)] })).toEqual([]);
  expect(problems({ visits: [visit('nothing')] })).toEqual([]);
  expect(problems({ visits: [visit({ status: 503, isRight: false })] })).toEqual([]);
  expect(problems({ visits: [visit({ status: 503, isRight: false }, { endedAtMs: 9000 })] })).toEqual(one(/got 503/));
  expect(problems({ visits: [visit({ status: 502, isRight: false })] })).toEqual(one(/got 502/));
  expect(problems({ visits: [visit({ status: 502, isRight: false }, { endedAtMs: 13_000 })] })).toEqual([]);
  expect(problems({ visits: [visit({ status: 200, isRight: false })] })).toEqual(one(/got 200, a wrong body/));
  expect(problems({ visits: [visit('no end')] })).toEqual(one(/neither answered nor broken off/));
  const bare = { ...story, hasRouter: false };
  expect(problems({ visits: [visit({ status: 503, isRight: false })] }, bare)).toEqual(one(/got 503/));
});

test('what is in flight in a stop gets its answer, unless puma is hurt or has not the time', () => {
  const visits = [visit('nothing')];
  expect(problems({ visits, ledger: [ask('begun', STOP_MS - 150)] })).toEqual(one(/begun by the app/));
  expect(problems({ visits, ledger: [ask('given', STOP_MS + 300)] })).toEqual(one(/given by the app/));
  expect(problems({ visits: [visit('nothing', { lastsMs: 12_000 })], ledger: [ask('begun', STOP_MS - 150)] })).toEqual(
    [],
  );
  const kill = done({ do: 'kill', whom: 'puma' }, STOP_MS + 100, ['puma']);
  expect(problems({ visits, ledger: [ask('begun', STOP_MS - 150)], done: [done(term), kill] })).toEqual([]);
});

test('puma in cluster mode or with Rails ends by SIGPIPE when its first words find nobody; its callers are refused then', () => {
  const broken = { end: { code: 141, signal: null }, endedAtMs: STOP_MS + 400, reader: 'closed' } as const;
  const refused = visit({ status: 503, isRight: false });
  const closed = { ...broken, done: [done({ do: 'close' })], visits: [refused] };
  const nothing = expect.arrayContaining(one(/nothing that we know of/) as unknown[]) as unknown;
  expect(problems(closed, { ...story, hasCluster: true })).toEqual([]);
  expect(problems(closed, { ...story, isRails: true })).toEqual([]);
  expect(problems(closed)).toEqual(nothing);
  expect(problems(closed, { ...story, hasCluster: true, hasPrefix: true })).toEqual(nothing);
  expect(problems({ ...broken, done: [done({ do: 'stall' })] }, { ...story, hasCluster: true })).toEqual(nothing);
});
