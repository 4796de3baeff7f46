import { expect, test } from 'vitest';
import { dropped, flood, flooding, killedStreamer, startedAt, streamer, stubborn } from './judge-more-samples.ts';
import {
  OTHER,
  PUMA,
  SIDEKIQ,
  STOP_MS,
  ask,
  asked,
  atBoot,
  behind,
  briefly,
  daemon,
  dead,
  done,
  ended,
  endedLate,
  entry,
  exit,
  fall,
  fallen,
  grows,
  half,
  ignoring,
  interrupt,
  killedLate,
  killedOne,
  last,
  lateHelper,
  ledger,
  mistaken,
  notYetAsked,
  plain,
  problems,
  started,
  streaming,
  tell,
  term,
  told,
  waiting,
  without,
  type Case,
} from './judge-samples.ts';
import type { Deed } from './story.ts';

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
  [
    'a wrong setting, told on a stderr of its own',
    { ...mistaken, end: exit(78), output: '', apart: 'NAME=x; exit code 78\n' },
    { mistake: 'setting', stdout: 'socket' },
  ],
  ['the same, and nobody reads it', { ...mistaken, output: '', reader: 'closed' }, { mistake: 'not-found' }],
  [
    'the same, and the relay was killed with it',
    { ...mistaken, output: '', done: [done({ do: 'kill', whom: 'relay' }, 1200, [OTHER])] },
    { mistake: 'not-found', stdout: 'socket' },
  ],
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
  ...(
    [
      ['as its time was over', [done(term, STOP_MS - 1450)], {}],
      ['after a second INT', [done(interrupt, STOP_MS - 600), done(interrupt, STOP_MS - 20)], {}],
      ['by the guard', [], grows('save', 'self')],
    ] as const
  ).map(([why, before, of]): Case => {
    const its = { ledger: without(SIDEKIQ, 'TERM', 'drained'), done: [...before, ...(dead.done ?? [])] };
    return [`a child that the dyno killed ${why}, before it was killed itself`, { ...dead, ...its }, of];
  }),
  [
    'streaming on demand that was told by us as well, and was killed at rest before the supervisor was',
    {
      ...{ ...dead, ledger: [...ledger, ...streamer(3000, [4000, 'TERM'], [4500, 'TERM'])] },
      done: [
        done({ do: 'tell', signal: 'SIGTERM', whom: 'streaming' }, 4000, [OTHER]),
        done({ do: 'kill', whom: 'supervisor' }),
      ],
    },
    stubborn,
  ],
  ['a child that ignores TERM', killedOne, ignoring],
  ['a start that was under way at the stop', startedAt(STOP_MS + 350), { waits: true }],
  ['a start that was under way on a late machine', { ...startedAt(STOP_MS + 800), lagMs: 150 }, { waits: true }],
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
    'a helper that the guard ends, whose child does not come to tell',
    {
      ledger: [...ledger, entry('sidekiq', SIDEKIQ, 1600, 'helper 77')],
      output: `${JSON.stringify({ level: 30, fact: 'ending', process: 'perl (pid 77)', why: 'x' })}\n${last()}`,
    },
    grows('relieve', 'helper'),
  ],
  [
    'two helpers, and the guard has its hands full with one',
    {
      ledger: [
        ...[...ledger, entry('sidekiq', SIDEKIQ, 1600, 'helper 77'), entry('puma', PUMA, 1600, 'helper 78')],
        entry('puma', PUMA, 3000, 'helper-ended'),
      ],
    },
    { ...grows('relieve', 'helper'), puma: grows('relieve', 'helper').sidekiq ?? plain },
  ],
  [
    'a helper that just began',
    { ledger: [...ledger, entry('sidekiq', SIDEKIQ, 6000, 'helper 77')] },
    grows('relieve', 'helper'),
  ],
  [
    'a child that ends by itself as the time runs out, and is killed in the midst of it',
    endedLate(STOP_MS + 1495, 'sidekiq'),
    ignoring,
  ],
  [
    'no TERM where the machine stood still until the time was over',
    { ...killedOne, ledger: without(SIDEKIQ, 'TERM', 'drained'), lagMs: 1500 },
    ignoring,
  ],
  [
    'a daemon without our environment that has begun after the end, and so was not killed by us',
    { ledger: [...ledger, entry('sidekiq.daemon', OTHER, STOP_MS + 120, 'start')] },
    { sidekiq: { ...plain, daemon: { kind: 'bare', inMs: 0 } } },
  ],
  [
    'a KILL of a start script that may be dead of its TERM',
    {
      done: [done(term), done({ do: 'kill', whom: 'sidekiq' }, STOP_MS + 20, [OTHER])],
      ledger: [...ledger, started],
    },
    behind('script'),
  ],
  [
    'a daemon that is killed without a TERM, since its child ended by itself as the time ran out',
    endedLate(STOP_MS + 1495, 'ruby (pid 30)', ...daemon(null)),
    ignoring,
  ],
  [
    'a daemon that is killed without a TERM, since we killed its child as the time ran out',
    killedLate(STOP_MS + 1440),
    ignoring,
  ],
  [
    'a child that ends by itself as a second INT comes, and is killed in the midst of it',
    {
      ...endedLate(STOP_MS + 803, 'sidekiq'),
      ...{
        endedAtMs: STOP_MS + 900,
        done: [done(term), done(interrupt, STOP_MS + 300), done(interrupt, STOP_MS + 800)],
      },
    },
    ignoring,
  ],
  [
    'streaming on demand that is killed by us just before the stop',
    {
      ledger: [...ledger, ...briefly(OTHER, 6000).filter(({ what }) => !what.startsWith('crash'))],
      done: [done({ do: 'kill', whom: 'streaming' }, STOP_MS - 5, [OTHER]), done(term)],
    },
    streaming,
  ],
  [
    'streaming on demand that had its TERM before the stop, since nobody wanted it, and was killed before it',
    { ledger: [...ledger, ...streamer(3000, [5000, 'TERM'])] },
    stubborn,
  ],
  [
    'the same, killed while the dyno stops',
    killedStreamer(...streamer(3000, [6500, 'TERM'])),
    { ...streaming, streamer: { ...plain, term: { how: 'exit', code: 0, afterMs: 9000 } } },
  ],
  ['streaming on demand that had only just begun', { ledger: [...ledger, ...streamer(STOP_MS - 20)] }, stubborn],
  [
    'a daemon of streaming on demand that is killed with it before the stop',
    {
      ledger: [...[...ledger, ...streamer(3000, [4500, 'TERM'])], entry('streaming.daemon', 40, 3010, 'start')],
    },
    stubborn,
  ],
  ['a second INT, and last lines that nobody reads', waiting, ignoring],
  [
    'a helper that is killed, since its child ended by itself as the time ran out',
    lateHelper(STOP_MS + 1495, entry('sidekiq', SIDEKIQ, 6900, 'helper 77')),
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
  ['a TERM to one child, which ends', told],
  [
    'the same so soon before the TERM of all that it counts as asked',
    { done: [tell(6900), done(term)], ledger: [...notYetAsked, ...asked(SIDEKIQ, 6901), ...asked(PUMA, 6962)] },
  ],
  [
    'the same where a second INT was first, which waits for nothing',
    {
      ...{ ...told, endedAtMs: 5820 },
      done: [tell(5000), done(interrupt, 5200), done(interrupt, 5720), done(term, 5725)],
    },
  ],
  [
    'a TERM to one child, which ignores it',
    {
      ...killedOne,
      done: [tell(3000), done(term)],
      ledger: [...without(SIDEKIQ, 'drained'), entry('sidekiq', SIDEKIQ, 3001, 'TERM')],
    },
    ignoring,
  ],
  [
    'an INT to one child, which does not know it',
    { done: [done({ ...tell(3000).what, signal: 'SIGINT' } as Deed, 3000, [SIDEKIQ]), done(term)] },
  ],
  [
    'a TERM to a start script',
    {
      ...{ end: exit(143), endedAtMs: 5160, output: ended(143, 'was ended by SIGTERM') },
      done: [done({ do: 'tell', signal: 'SIGTERM', whom: 'sidekiq' }, 5000, [OTHER])],
      ledger: [...notYetAsked, started, ...asked(SIDEKIQ, 5020), ...asked(PUMA, 5010)],
    },
    behind('script'),
  ],
  [
    'a KILL of the work behind a start script',
    {
      ...{ end: exit(137), endedAtMs: 5160, output: ended(137, 'ended with code 137') },
      done: [done({ do: 'kill', whom: 'worker' }, 5000, [SIDEKIQ])],
      ledger: [...notYetAsked, started, entry('sidekiq', OTHER, 5004, 'crash 137'), ...asked(PUMA, 5010)],
    },
    behind('script'),
  ],
  ['an outcome behind half a line', { output: `puma half of a line${last()}` }],
  [
    'half a line with its prefix, and the rest of it',
    { ledger: [...ledger, ...half], output: `puma | puma half of a line and the rest\n${last()}` },
    { hasPrefix: true },
  ],
  [
    'a last line that came to nobody, since our own reader stood still with the machine',
    { lagMs: 1600, output: `${'x'.repeat(99)}\n`.repeat(400) },
  ],
  ['a flood as far as the stop', { output: flood(5, 4, 3) + last() }, flooding],
  ['a flood that is said to have been dropped', { output: flood(5) + dropped(3) + flood(1) + last() }, flooding],
  ['the last line of a flood, cut', { output: `${flood(5)}puma | puma line 4 ...\n${last()}` }, flooding],
  [
    'a flood of one that was restarted',
    {
      ...{ end: exit(137), endedAtMs: 4100, done: [], output: flood(5, 4, 5, 4, 3) + fallen },
      ledger: [
        ...[...fall(PUMA, 1300, 2000), ...fall(OTHER, 3500, 4000)],
        ...[entry('sidekiq', SIDEKIQ, 1300, 'start'), entry('sidekiq', SIDEKIQ, 1310, 'up'), ...asked(SIDEKIQ, 4010)],
      ],
    },
    { memory: 'save', ...flooding, puma: { ...plain, lines: 5, grows: { what: 'self', inMs: 300 } } },
  ],
  [
    'a line that a TERM made a child forget, which ignores it',
    {
      done: [done({ ...tell(3000).what, whom: 'puma' } as Deed, 3000, [PUMA]), done(term)],
      ledger: [...ledger, entry('puma', PUMA, 3001, 'TERM')],
      output: flood(5, 4, 2) + last(),
    },
    { ...flooding, puma: { ...plain, lines: 5, term: { how: 'ignore' } } },
  ],
  ['a flood without a prefix', { output: `puma line 5 ...${last()}` }, { ...flooding, hasPrefix: false }],
  [
    'half a line that a reader did not wait for',
    { ledger: [...ledger, ...half], done: [done({ do: 'stall' }, 1310), done(term)] },
    { hasPrefix: true },
  ],
])('no violation: %s', (_, change, of) => {
  expect(problems(change, of)).toEqual([]);
});
