import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { View } from '../../../src/simulator/simulation.ts';
import { IDLE, defaultFloodBytes, HELP, type KeyState } from '../../../src/simulator/terminal/key-prompts.ts';
import { handleKey, type KeyContext, type KeyResult } from '../../../src/simulator/terminal/keys.ts';
import { aDyno, aProcess, aRun, aView, MB } from '../fake-simulation.ts';

const PAGE = 'http://localhost:5007';
const worker = aDyno({
  name: 'worker.1',
  runs: [aRun({ id: 2, processes: [aProcess({ pid: 201, label: 'sidekiq' })] })],
});
const one: KeyContext = { view: aView(), pageUrl: PAGE };
const two: KeyContext = { view: { ...aView(), dynos: [aDyno(), worker] }, pageUrl: PAGE };
const none: KeyContext = { view: { ...aView(), dynos: [] }, pageUrl: null };

const puma = { dyno: 'web.1', run: 1, isDraining: false, pid: 102, label: 'puma' };
const targets = [
  { ...puma, pid: 101, label: 'supervisor' },
  puma,
  { ...puma, pid: 103, label: 'sidekiq' },
  { ...puma, dyno: 'worker.1', run: 2, pid: 201, label: 'sidekiq' },
];
const restart: KeyState = { mode: 'restart', dynos: ['web.1', 'worker.1'] };
const crash: KeyState = { mode: 'crash', targets };
const signal: KeyState = { mode: 'signal', target: puma };
const flood: KeyState = { mode: 'flood' };
const amount: KeyState = { mode: 'flood-amount', where: 'puma', defaultBytes: 256 * MB, text: '', isInvalid: false };
const quota: KeyState = { mode: 'quota', nowBytes: 512 * MB, text: '', isInvalid: false };
const reader: KeyState = { mode: 'log-reader', now: 'full' };
const quitting: KeyState = { mode: 'quitting' };

const NOTHING: Omit<KeyResult, 'state'> = { action: null, prompt: null, note: null, print: [] };
const KEYS = [
  ...Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)),
  ...['enter', 'escape', 'backspace', 'other', 'ctrl-c', 'é', '漢', '🐘'],
];

/** What each key that means something leads to; every other one leads to rest and does nothing. */
const ANSWERS: readonly [name: string, KeyState, KeyContext, Record<string, Partial<KeyResult>>][] = [
  [
    'at rest, one dyno',
    IDLE,
    one,
    {
      d: { action: { type: 'deploy' } },
      r: { action: { type: 'restart', dyno: 'web.1' } },
      c: { state: { mode: 'crash', targets: targets.slice(0, 3) } },
      f: { state: flood },
      s: { action: { type: 'open-stream' } },
      x: { action: { type: 'close-stream' } },
      u: { state: quota },
      l: { state: reader },
      p: { print: [`The page: ${PAGE}`] },
      '?': { print: HELP },
      h: { print: HELP },
      q: { state: quitting, action: { type: 'quit' } },
    },
  ],
  [
    'at rest, without a dyno or a page',
    IDLE,
    none,
    {
      d: { action: { type: 'deploy' } },
      r: { note: 'There is no dyno to restart.' },
      c: { note: 'No process is running.' },
      f: { state: flood },
      s: { action: { type: 'open-stream' } },
      x: { action: { type: 'close-stream' } },
      u: { state: { ...quota, nowBytes: null } },
      l: { state: reader },
      p: { note: 'There is no page: --no-page is set.' },
      '?': { print: HELP },
      h: { print: HELP },
      q: { state: quitting, action: { type: 'quit' } },
    },
  ],
  [
    'which dyno to restart',
    restart,
    two,
    { 1: { action: { type: 'restart', dyno: 'web.1' } }, 2: { action: { type: 'restart', dyno: 'worker.1' } } },
  ],
  [
    'which process to crash',
    crash,
    two,
    Object.fromEntries(targets.map((target, n) => [String(n + 1), { state: { mode: 'signal', target } }])),
  ],
  [
    'by which signal',
    signal,
    two,
    {
      enter: { action: { type: 'kill', pid: 102, signal: 'SIGKILL' } },
      k: { action: { type: 'kill', pid: 102, signal: 'SIGKILL' } },
      t: { action: { type: 'kill', pid: 102, signal: 'SIGTERM' } },
      s: { action: { type: 'kill', pid: 102, signal: 'SIGSEGV' } },
    },
  ],
  [
    'whose memory to flood',
    flood,
    two,
    {
      p: { state: { ...amount, defaultBytes: 256 * MB } },
      s: { state: { ...amount, where: 'sidekiq', defaultBytes: 256 * MB } },
      c: { state: { ...amount, where: 'convert', defaultBytes: 256 * MB } },
    },
  ],
  [
    'how much',
    amount,
    two,
    { ...typing(amount), enter: { action: { type: 'flood', where: 'puma', bytes: 256 * MB } } },
  ],
  ['how much, after 30', { ...amount, text: '30' }, two, typing({ ...amount, text: '30' })],
  ['which quota', quota, two, typing(quota)],
  [
    'how the log is read',
    reader,
    two,
    {
      f: { action: { type: 'log-reader', pace: 'full' } },
      s: { action: { type: 'log-reader', pace: 'slow' } },
      t: { action: { type: 'log-reader', pace: 'stalled' } },
    },
  ],
];

test.each(ANSWERS)('every key has its answer: %s', (_, state, context, answers) => {
  for (const key of KEYS) {
    const { prompt, ...step } = handleKey(state, key, context);
    const expected =
      key === 'ctrl-c' ? { state: quitting, action: { type: 'quit' } } : { state: IDLE, ...answers[key] };
    expect({ ...step, prompt: null }, `key ${key}`).toEqual({ ...NOTHING, ...expected });
    expect(prompt === null, `key ${key}: no prompt`).toBe(step.state.mode === 'idle');
  }
});

describe('while quitting', () => {
  it('ignores every key but Ctrl-C', () => {
    for (const key of KEYS.filter((name) => name !== 'ctrl-c'))
      expect(handleKey(quitting, key, two), `key ${key}`).toMatchObject({ state: quitting, action: null });
  });

  it('ends at once on a second Ctrl-C', () => {
    const first = handleKey(IDLE, 'ctrl-c', two);
    expect(first).toMatchObject({
      action: { type: 'quit' },
      prompt: expect.stringContaining('Ctrl-C again') as string,
    });
    expect(handleKey(first.state, 'ctrl-c', two).action).toEqual({ type: 'quit-at-once' });
    expect(handleKey(handleKey(IDLE, 'q', two).state, 'ctrl-c', two).action).toEqual({ type: 'quit-at-once' });
  });
});

it('helps with every key that does something', () => {
  const helped = HELP.join(' ');
  for (const key of 'drcfsxulpq') expect(helped).toMatch(new RegExp(` ${key} (\\w+ )`));
});

describe('what is asked', () => {
  test.each<[string, string, KeyContext, string]>([
    ['c', 'one dyno', one, 'Crash which? 1 supervisor  2 puma  3 sidekiq'],
    ['c', 'two dynos', two, 'Crash which? web.1: 1 supervisor  2 puma  3 sidekiq  worker.1: 4 sidekiq'],
    ['c2', 'a process', one, 'Kill puma (pid 102) of web.1 with: Enter or k KILL, t TERM, s SEGV'],
    ['r', 'two dynos', two, 'Restart which? 1 web.1  2 worker.1'],
    ['f', 'a part', one, 'Flood the memory of: p puma, s sidekiq, c a convert that a job starts'],
    ['fp', 'an amount', one, 'Flood puma with how much? Enter: 256M > '],
    ['fp30', 'an amount that begins', one, 'Flood puma with how much? Enter: 256M > 30'],
    ['u', 'a quota', one, 'Quota of each dyno? Now 512M > '],
    ['u7', 'a quota that begins', one, 'Quota of each dyno? Now 512M > 7'],
    ['l', 'a pace', one, 'Log reader (now full): f full, s slow, t stalled'],
  ])('%s: %s', (keys, _, context, prompt) => expect(type(keys, context).prompt).toBe(prompt));

  it('names the lives of a dyno apart', () => {
    const old = aRun({ id: 7, phase: 'stopping', processes: [aProcess({ pid: 301, label: 'puma' })] });
    const now = aRun({ id: 8, processes: [aProcess({ pid: 302, label: 'puma' })] });
    const view = { ...aView(), dynos: [aDyno({ runs: [now, old] })] };
    expect(type('c', { view, pageUrl: null }).prompt).toBe('Crash which? web.1: 1 puma  web.1 (stopping): 2 puma');
  });

  it('goes on with letters after nine, and leaves out what has no letter', () => {
    const processes = Array.from({ length: 40 }, (_, n) => aProcess({ pid: 1000 + n, label: `p${n}` }));
    const context = { view: { ...aView(), dynos: [aDyno({ runs: [aRun({ processes })] })] }, pageUrl: null };
    const { state, prompt } = type('c', context);
    expect(prompt).toContain('9 p8  a p9  b p10');
    expect(prompt).toMatch(/z p34$/);
    expect(handleKey(state, 'a', context).state).toMatchObject({ target: { pid: 1009 } });
    expect(handleKey(state, 'z', context).state).toMatchObject({ target: { pid: 1034 } });
  });
});

describe('amounts', () => {
  test.each<[string, KeyResult['action']]>([
    ['u1G', { type: 'quota', bytes: 1024 * MB }],
    ['u512m', { type: 'quota', bytes: 512 * MB }],
    ['u1.5g', { type: 'quota', bytes: 1536 * MB }],
    ['fs300M', { type: 'flood', where: 'sidekiq', bytes: 300 * MB }],
    ['fc64MiB', { type: 'flood', where: 'convert', bytes: 64 * MB }],
    ['u', null],
  ])('%s', (keys, action) => {
    const step = handleKey(type(keys, one).state, 'enter', one);
    expect(step).toMatchObject({ action, state: IDLE });
  });

  test.each(['u5', 'u1.2.3', 'uM', 'fp1K', 'u99999999999G'])('%s is asked for again', (keys) => {
    const step = handleKey(type(keys, one).state, 'enter', one);
    expect(step.action).toBeNull();
    expect(step.prompt).toMatch(/^Expected an amount like 512M or 1G, at least 16M > \S+$/);
    const after = handleKey(step.state, 'backspace', one);
    expect(after.prompt).not.toContain('Expected');
  });

  it('is corrected with the backspace, and never longer than an amount is', () => {
    expect(type('u9', one, 'backspace').prompt).toBe('Quota of each dyno? Now 512M > ');
    expect(type('u9', one, 'backspace', 'backspace').prompt).toBe('Quota of each dyno? Now 512M > ');
    expect(type(`u${'1'.repeat(100)}`, one).prompt).toMatch(/> 1{12}$/);
  });

  test.each<[string, Partial<View>, number]>([
    ['what is missing to the quota and a tenth more', {}, 256],
    ['of the dyno where sidekiq is', { dynos: [worker, aDyno()] }, 576],
    ['the least where it is over the quota', { dynos: [aDyno({ quotaBytes: 16 * MB })] }, 64],
    ['the whole quota where nothing is known', { dynos: [aDyno({ runs: [] })] }, 576],
    ['something without any dyno', { dynos: [] }, 64],
  ])('by default: %s', (_, view, mebibytes) => {
    expect(defaultFloodBytes({ ...aView(), ...view }, 'convert')).toBe(mebibytes * MB);
  });
});

describe('a process list that changes at a question', () => {
  const changed = (view: Partial<View>): KeyContext => ({ view: { ...two.view, ...view }, pageUrl: null });
  const without = (pid: number): KeyContext => {
    const processes = aRun().processes.filter((process) => process.pid !== pid);
    return changed({ dynos: [aDyno({ runs: [aRun({ processes })] })] });
  };

  it('keeps its letters: what was shown is what is asked about', () => {
    const shown = type('c', two).state;
    expect(handleKey(shown, '3', without(102)).state).toMatchObject({ target: { pid: 103, label: 'sidekiq' } });
  });

  test.each<[string, KeyContext]>([
    ['has ended', without(102)],
    ['has ended with its dyno', none],
    ['ended and its pid is of another life now', changed({ dynos: [aDyno({ runs: [aRun({ id: 9 })] })] })],
    [
      'ended and its pid is of another process now',
      changed({ dynos: [aDyno({ runs: [aRun({ processes: [aProcess({ pid: 102, label: 'sidekiq' })] })] })] }),
    ],
    ['ended and its pid is of another dyno now', changed({ dynos: [aDyno({ name: 'web.2' })] })],
  ])('kills nothing when the process %s', (_, context) => {
    const step = handleKey(signal, 'enter', context);
    expect(step).toMatchObject({ action: null, state: IDLE });
    expect(step.note).toBe('puma (pid 102) has exited in the meantime; nothing was killed.');
  });

  it('never kills a pid that was not shown, whatever is typed and whatever happens', () => {
    const contexts = fc.constantFrom(one, two, none, without(102), without(103));
    const key = fc.constantFrom(...Array.from('c1234kts'), 'enter', 'escape');
    fc.assert(
      fc.property(fc.array(fc.tuple(key, contexts), { maxLength: 40 }), (steps) => {
        let state: KeyState = IDLE;
        for (const [pressed, context] of steps) {
          const step: KeyResult = handleKey(state, pressed, context);
          if (step.action?.type === 'kill') {
            expect(state).toMatchObject({ mode: 'signal', target: { pid: step.action.pid } });
            expect(JSON.stringify(context.view)).toContain(`"pid":${step.action.pid},`);
          }
          state = step.state;
        }
      }),
    );
  });
});

/** The letters of an amount, and the backspace. Enter is told apart. */
function typing(state: Extract<KeyState, { text: string }>): Record<string, Partial<KeyResult>> {
  const text = (now: string): Partial<KeyResult> => ({ state: { ...state, text: now } });
  const letters = Array.from('0123456789.kmgibKMGIB').map((letter) => [letter, text(state.text + letter)] as const);
  const wrong = { state: { ...state, isInvalid: true } };
  const enter = state.text === '' ? {} : { enter: wrong };
  return { ...Object.fromEntries(letters), backspace: text(state.text.slice(0, -1)), ...enter };
}

function type(keys: string, context: KeyContext, ...more: readonly string[]): KeyResult {
  let step: KeyResult = { state: IDLE, ...NOTHING };
  for (const key of [...Array.from(keys), ...more]) step = handleKey(step.state, key, context);
  return step;
}
