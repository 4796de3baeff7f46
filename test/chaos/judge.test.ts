import { expect, test } from 'vitest';
import { judge } from './judge.ts';
import type { Answer, Done, Entry, TinyRecord } from './record.ts';
import type { Deed, Nature, Story } from './story.ts';

const plain: Nature = {
  ...{ bootMs: 0, term: { how: 'exit', code: 0, afterMs: 50 }, end: null, daemon: null },
  ...{ behind: null, lines: 0, grows: null },
};
const story: Story = {
  ...{ role: 'web', hasWorker: true, hasRouter: true, streaming: 'none', waits: false, hasPrefix: false },
  ...{ stdout: 'pipe', tmp: 'there', memory: 'off', isBusy: false, mistake: null, happenings: [] },
  ...{ puma: plain, sidekiq: plain, streamer: plain },
};
/** The stop; the start is at 1000. */
const STOP_MS = 7000;
const [PUMA, SIDEKIQ, OTHER] = [10, 20, 30];

const term: Deed = { do: 'stop', signal: 'SIGTERM', to: 'supervisor' };
const interrupt: Deed = { do: 'stop', signal: 'SIGINT', to: 'supervisor' };
const done = (what: Deed, atMs = STOP_MS, pids: number[] = []): Done => ({ atMs, untilMs: atMs + 1, what, pids });
const entry = (name: string, pid: number, atMs: number, what: string): Entry => ({ name, pid, atMs, what });
const life = (name: string, pid: number): Entry[] => [
  ...[entry(name, pid, 1300, 'start'), entry(name, pid, 1310, 'up')],
  ...[entry(name, pid, STOP_MS + 5, 'TERM'), entry(name, pid, STOP_MS + 60, 'drained 0')],
];
const ledger = [...life('puma', PUMA), ...life('sidekiq', SIDEKIQ)];
const without = (pid: number, ...whats: string[]): Entry[] =>
  ledger.filter((one) => one.pid !== pid || !whats.some((what) => one.what.startsWith(what)));

const last = (more: object = {}, why = 'asked to stop by SIGTERM', code = 0): string => {
  const fact = { level: 30, fact: 'outcome', cause: 'signal', signal: 'SIGTERM', code };
  return `${JSON.stringify({ ...fact, msg: `${why}; exit code ${code}`, ...more })}\n`;
};
const ask = (gave: Answer['gave'], more: Partial<Answer> = {}): Answer => {
  return { question: 'echo', id: 'x', askedAtMs: 3000, endedAtMs: 3010, gave, ...more };
};
const exit = (code: number): TinyRecord['end'] => ({ code, signal: null });

/** A dyno that was asked to stop, and did at once. */
const good: TinyRecord = {
  ...{ startedAtMs: 1000, endedAtMs: STOP_MS + 100, end: exit(0), done: [done(term)], ledger, output: last() },
  ...{ reader: 'reads', answers: [ask({ status: 200, isWhole: true, isRight: true })] },
  ...{ processesLeft: [], filesLeft: [], isTmpRoomy: false, lagMs: 0 },
};
const grows = (memory: Story['memory'], what: 'self' | 'helper'): Partial<Story> => {
  return { memory, sidekiq: { ...plain, grows: { what, inMs: 300 } } };
};
const behind = (how: 'script' | 'session'): Partial<Story> => ({ sidekiq: { ...plain, behind: how } });
const started = entry('sidekiq', OTHER, 1300, `waits-for ${SIDEKIQ}`);
const mistaken: Partial<TinyRecord> = { end: exit(127), done: [], ledger: [], output: last({}, 'not found', 127) };
const atBoot: Partial<TinyRecord> = {
  ...{ end: { code: null, signal: 'SIGTERM' }, done: [done(term, 1100)], ledger: [], output: '', answers: [] },
};
const streaming: Partial<Story> = { streaming: 'on-demand' };
const dead: Partial<TinyRecord> = {
  ...{ end: { code: null, signal: 'SIGKILL' }, done: [done({ do: 'kill', whom: 'supervisor' })], output: '' },
};
const fallen = last({ cause: 'child-exited', child: 'puma' }, 'puma was killed by SIGKILL', 137);
const fall = (pid: number, atMs: number, endedAtMs: number): Entry[] => [
  ...[entry('puma', pid, atMs, 'start'), entry('puma', pid, atMs + 10, 'up')],
  ...[entry('puma', pid, atMs + 300, 'grow'), entry('puma', pid, endedAtMs, 'crash SIGKILL')],
];
const briefly = (pid: number, atMs: number): Entry[] => [
  ...[entry('streaming', pid, atMs, 'start'), entry('streaming', pid, atMs + 10, 'up')],
  entry('streaming', pid, atMs + 19, 'crash SIGSEGV'),
];
const asked = (pid: number, atMs: number): Entry[] => {
  const name = pid === PUMA ? 'puma' : 'sidekiq';
  return [entry(name, pid, atMs, 'TERM'), entry(name, pid, atMs + 60, 'drained 0')];
};
const killedOne: Partial<TinyRecord> = {
  ...{ end: exit(137), endedAtMs: STOP_MS + 1600, ledger: without(SIDEKIQ, 'drained') },
  output: last({}, 'asked to stop by SIGTERM; sidekiq had to be killed', 137),
};
const ignoring = { sidekiq: { ...plain, term: { how: 'ignore' } } } satisfies Partial<Story>;

type Case = [name: string, change: Partial<TinyRecord>, of?: Partial<Story>];
type Broken = [name: string, change: Partial<TinyRecord>, of: Partial<Story>, pattern: RegExp];
const problems = (change: Partial<TinyRecord>, of: Partial<Story> = {}): string[] =>
  judge({ ...story, ...of }, { ...good, ...change });

test.each<Case>([
  ['a good stop', {}],
  ['a TERM before our first line', atBoot],
  [
    'a start of libfaketime that an INT hangs, until a TERM',
    { ...atBoot, done: [done(interrupt, 1012), done(term, 2400)], endedAtMs: 2410 },
    { happenings: [{ atMs: 20, what: { do: 'step', byS: 3 } }] },
  ],
  [
    'a heap that libfaketime broke, and what glibc says of it',
    { ...atBoot, end: { code: null, signal: 'SIGABRT' }, output: 'Fatal glibc error: malloc assertion failure' },
    { happenings: [{ atMs: 20, what: { do: 'step', byS: 3 } }] },
  ],
  [
    'streaming that dies three times before anybody can have seen that it was up',
    {
      ...{ end: exit(139), endedAtMs: 4600, done: [], answers: [] },
      output: last({ cause: 'child-exited', child: 'streaming' }, 'streaming was ended by SIGSEGV', 139),
      ledger: [
        ...ledger.filter(({ what }) => !/TERM|drained/.test(what)),
        ...[3000, 3500, 4400].flatMap((atMs, index) => briefly(OTHER + index, atMs)),
        ...[PUMA, SIDEKIQ].flatMap((pid) => asked(pid, 4450)),
      ],
    },
    streaming,
  ],
  [
    'a puma that dies while it is recycled, and again when it has come back',
    {
      ...{ end: exit(137), endedAtMs: 4100, done: [], output: fallen },
      ledger: [
        ...[...fall(PUMA, 1300, 2000), ...fall(OTHER, 3500, 4000)],
        ...[entry('sidekiq', SIDEKIQ, 1300, 'start'), entry('sidekiq', SIDEKIQ, 1310, 'up')],
        ...[entry('sidekiq', SIDEKIQ, 4010, 'TERM'), entry('sidekiq', SIDEKIQ, 4070, 'drained 0')],
      ],
    },
    { memory: 'save', puma: { ...plain, grows: { what: 'self', inMs: 300 } } },
  ],
  ['a command that is not found', mistaken, { mistake: 'not-found' }],
  ['a supervisor that is killed', dead],
  [
    'a supervisor that is killed, and work behind a start script',
    {
      ...dead,
      ...{ ledger: [...without(SIDEKIQ, 'TERM', 'drained'), started] },
      processesLeft: [{ pid: SIDEKIQ, command: 'ruby' }],
    },
    behind('script'),
  ],
  ['a child that ignores TERM', killedOne, ignoring],
  ['work behind a start script', { ledger: [...ledger, started] }, behind('script')],
  [
    'a helper that is ended',
    {
      ledger: [
        ...ledger,
        entry('sidekiq', SIDEKIQ, 1600, 'helper 77'),
        entry('sidekiq', SIDEKIQ, 2000, 'helper-ended'),
      ],
    },
    grows('relieve', 'helper'),
  ],
  [
    'a helper that just began',
    { ledger: [...ledger, entry('sidekiq', SIDEKIQ, 6000, 'helper 77')] },
    grows('relieve', 'helper'),
  ],
  [
    'a helper that is killed, since its child ended by itself as the time ran out',
    {
      ...{ end: exit(137), endedAtMs: STOP_MS + 1600 },
      output: last({}, 'asked to stop by SIGTERM; perl (pid 77) had to be killed', 137),
      ledger: [
        ...without(SIDEKIQ, 'drained'),
        entry('sidekiq', SIDEKIQ, 6900, 'helper 77'),
        entry('sidekiq', SIDEKIQ, STOP_MS + 1495, 'crash SIGABRT'),
      ],
    },
    { ...grows('relieve', 'helper'), sidekiq: { ...grows('relieve', 'helper').sidekiq, ...ignoring.sidekiq } },
  ],
  [
    'growth of a child that cannot be seen to be up',
    { ledger: [...ledger, entry('sidekiq', SIDEKIQ, 3100, 'grow')] },
    { ...grows('save', 'self'), tmp: 'missing' },
  ],
  [
    'a daemon that goes with the work behind a start script',
    {
      ...killedOne,
      output: last({}, 'asked to stop by SIGTERM; ruby (pid 20) had to be killed', 137),
      ledger: [...without(SIDEKIQ, 'drained'), started, entry('sidekiq.daemon', 40, 1400, 'start')],
    },
    { sidekiq: { ...ignoring.sidekiq, behind: 'script', daemon: { kind: 'follow', inMs: 0 } } },
  ],
  [
    'a stream that a stop breaks off',
    { answers: [ask('nothing', { question: 'stream', askedAtMs: 6500 })] },
    streaming,
  ],
  [
    'a request beside a second INT',
    {
      done: [done(term), done(interrupt, STOP_MS + 20), done(interrupt, STOP_MS + 99)],
      answers: [ask('nothing', { askedAtMs: STOP_MS - 65 })],
    },
  ],
])('no violation: %s', (_, change, of) => {
  expect(problems(change, of)).toEqual([]);
});

test.each<Broken>([
  ['another exit code', { end: exit(3), output: last({}, undefined, 3) }, {}, /^exit code 3, expected 0$/],
  ['137 for nothing', { end: exit(137), output: last({}, undefined, 137) }, {}, /^exit code 137, expected 0$/],
  ['nothing was the cause', { done: [] }, {}, /nothing that we know of/],
  ['over the budget', { endedAtMs: STOP_MS + 3100 }, {}, /^3100 ms from the cause to the end/],
  ['a process left', { processesLeft: [{ pid: 7, command: 'ruby' }] }, {}, /^process 7 was left: ruby$/],
  ['a file left', { filesLeft: ['tmp/x.ready'] }, {}, /^tmp\/x.ready was left$/],
  ['no last line', { output: 'puma up\n' }, {}, /^the last line is no outcome/],
  ['another cause', { output: last({ cause: 'memory' }) }, {}, /tells another cause/],
  ['another signal', { output: last({ signal: 'SIGINT' }) }, {}, /tells another cause/],
  [
    'another code in words',
    { output: last({ msg: 'asked to stop by SIGTERM; exit code 1' }) },
    {},
    /tells another exit code/,
  ],
  [
    'a kill that was none',
    { output: last({}, 'asked to stop by SIGTERM; puma had to be killed') },
    {},
    /puma was not killed, and the last line/,
  ],
  [
    'a kill untold',
    { ...killedOne, output: last({}, undefined, 137) },
    ignoring,
    /sidekiq was killed, and the last line/,
  ],
  [
    'a TERM too early',
    { ledger: [...without(PUMA, 'TERM'), entry('puma', PUMA, 4000, 'TERM')] },
    {},
    /puma got a TERM before/,
  ],
  [
    'a TERM too late',
    { ledger: [...without(SIDEKIQ, 'TERM'), entry('sidekiq', SIDEKIQ, STOP_MS + 170, 'TERM')] },
    {},
    /^leader of sidekiq got its TERM 49 ms late$/,
  ],
  ['no TERM', { ledger: without(SIDEKIQ, 'TERM') }, {}, /^leader of sidekiq got its TERM never$/],
  [
    'a TERM too late behind a start script',
    {
      ledger: [...without(SIDEKIQ, 'TERM'), started, entry('sidekiq', SIDEKIQ, STOP_MS + 500, 'TERM')],
    },
    behind('session'),
    /^worker of sidekiq got its TERM 79 ms late$/,
  ],
  ['a kill of who would have ended', killedOne, {}, /^leader 20 of sidekiq was killed, and would have ended in time$/],
  [
    'the same before a second INT',
    {
      ...killedOne,
      done: [done(term), done(interrupt, STOP_MS + 900), done(interrupt, STOP_MS + 1500)],
    },
    {},
    /would have ended in time$/,
  ],
  ['the same in a memory story', killedOne, { memory: 'relieve' }, /would have ended in time$/],
  [
    'a second INT that ends nothing',
    {
      ...{
        done: [done(term), done(interrupt, STOP_MS + 200), done(interrupt, STOP_MS + 400)],
        endedAtMs: STOP_MS + 2000,
      },
    },
    {},
    /^a second INT did not end it at once/,
  ],
  [
    'a wrong answer',
    { answers: [ask({ status: 200, isWhole: true, isRight: false })] },
    {},
    /^echo got a wrong answer$/,
  ],
  ['a cut answer', { answers: [ask({ status: 200, isWhole: false, isRight: false })] }, {}, /^echo got no answer/],
  [
    'a refusal for nothing',
    { answers: [ask({ status: 503, isWhole: true, isRight: false })] },
    {},
    /^echo got no answer/,
  ],
  ['a strange status', { answers: [ask({ status: 404, isWhole: true, isRight: false })] }, {}, /^echo got 404$/],
  ['a request that waits for ever', { answers: [ask('no end')] }, {}, /^echo waits still/],
  [
    'streaming that never starts',
    { answers: [ask({ status: 503, isWhole: true, isRight: false }, { question: 'stream' })] },
    streaming,
    /^stream got no answer/,
  ],
  [
    'a helper that nobody ends',
    { ledger: [...ledger, entry('sidekiq', SIDEKIQ, 1600, 'helper 77')] },
    grows('relieve', 'helper'),
    /^sidekiq grew 5500 ms before the end/,
  ],
  [
    'growth above save',
    { ledger: [...ledger, entry('sidekiq', SIDEKIQ, 3100, 'grow')] },
    grows('save', 'self'),
    /^sidekiq grew 4000 ms before the end/,
  ],
  [
    'a TERM long after the boot that was not heard',
    { ...atBoot, done: [done(term, 5000)], reader: 'closed' },
    {},
    /^exit code SIGTERM, expected 0$/,
  ],
  [
    'an abort at boot',
    { ...atBoot, end: { code: null, signal: 'SIGABRT' }, endedAtMs: 1150, reader: 'closed' },
    {},
    /^exit code SIGABRT/,
  ],
  [
    'a hang at boot without libfaketime',
    { ...atBoot, done: [done(interrupt, 1012), done(term, 2400)], endedAtMs: 2410, reader: 'closed' },
    {},
    /^exit code SIGTERM, expected 0$/,
  ],
  ['a process left at boot', { ...atBoot, processesLeft: [{ pid: 7, command: 'ruby' }] }, {}, /^process 7 was left/],
  [
    'a mistake with another code',
    { ...mistaken, end: exit(1) },
    { mistake: 'not-found' },
    /^exit code 1, expected 127$/,
  ],
  ['a mistake and a start', { ...mistaken, ledger: life('puma', PUMA) }, { mistake: 'not-found' }, /^puma was started/],
  [
    'a mistake and another last line',
    { ...mistaken, output: last() },
    { mistake: 'not-found' },
    /^the last line does not tell/,
  ],
  [
    'a mistake and a process left',
    { ...mistaken, processesLeft: [{ pid: 7, command: 'x' }] },
    { mistake: 'not-found' },
    /^process 7/,
  ],
  [
    'a child that the kernel did not TERM',
    {
      ...{ ...dead, ledger: without(SIDEKIQ, 'TERM', 'drained') },
      processesLeft: [{ pid: SIDEKIQ, command: 'ruby' }],
    },
    {},
    /^sidekiq got no TERM from the kernel$/,
  ],
])('a violation: %s', (_, change, of, pattern) => {
  expect(problems(change, of)).toEqual([expect.stringMatching(pattern)]);
});
