import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { View } from '../../../src/simulator/view.ts';
import { HELP } from '../../../src/simulator/watch/key-prompts.ts';
import { AT_REST, floodBytes, type KeyState } from '../../../src/simulator/watch/key-state.ts';
import { next, type Scene, type Step } from '../../../src/simulator/watch/keys.ts';
import { aDyno, aProcess, aRun, aView, MB } from '../fake-simulation.ts';

const PAGE = 'http://localhost:5007';
const worker = aDyno({
  name: 'worker.1',
  runs: [aRun({ id: 2, processes: [aProcess({ pid: 201, label: 'sidekiq' })] })],
});
const one: Scene = { view: aView(), pageUrl: PAGE };
const two: Scene = { view: { ...aView(), dynos: [aDyno(), worker] }, pageUrl: PAGE };
const none: Scene = { view: { ...aView(), dynos: [] }, pageUrl: null };

const puma = { dyno: 'web.1', run: 1, isDraining: false, pid: 102, label: 'puma' };
const targets = [
  { ...puma, pid: 101, label: 'supervisor' },
  puma,
  { ...puma, pid: 103, label: 'sidekiq' },
  { ...puma, dyno: 'worker.1', run: 2, pid: 201, label: 'sidekiq' },
];
const restart: KeyState = { at: 'restart', dynos: ['web.1', 'worker.1'] };
const crash: KeyState = { at: 'crash', targets };
const signal: KeyState = { at: 'signal', target: puma };
const flood: KeyState = { at: 'flood' };
const amount: KeyState = { at: 'flood-amount', where: 'puma', usualBytes: 256 * MB, text: '', isWrong: false };
const quota: KeyState = { at: 'quota', nowBytes: 512 * MB, text: '', isWrong: false };
const reader: KeyState = { at: 'log-reader', now: 'full' };
const quitting: KeyState = { at: 'quitting' };

const NOTHING: Omit<Step, 'state'> = { action: null, prompt: null, note: null, print: [] };
const KEYS = [
  ...Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)),
  ...['enter', 'escape', 'backspace', 'other', 'ctrl-c', 'é', '漢', '🐘'],
];

/** What each key that means something leads to; every other one leads to rest and does nothing. */
const ANSWERS: readonly [name: string, KeyState, Scene, Record<string, Partial<Step>>][] = [
  [
    'at rest, one dyno',
    AT_REST,
    one,
    {
      d: { action: { do: 'deploy' } },
      r: { action: { do: 'restart', dyno: 'web.1' } },
      c: { state: { at: 'crash', targets: targets.slice(0, 3) } },
      f: { state: flood },
      s: { action: { do: 'open-stream' } },
      x: { action: { do: 'close-stream' } },
      u: { state: quota },
      l: { state: reader },
      p: { print: [`The page: ${PAGE}`] },
      '?': { print: HELP },
      h: { print: HELP },
      q: { state: quitting, action: { do: 'quit' } },
    },
  ],
  [
    'at rest, without a dyno or a page',
    AT_REST,
    none,
    {
      d: { action: { do: 'deploy' } },
      r: { note: 'There is no dyno to restart.' },
      c: { note: 'No process runs that could be crashed.' },
      f: { state: flood },
      s: { action: { do: 'open-stream' } },
      x: { action: { do: 'close-stream' } },
      u: { state: { ...quota, nowBytes: null } },
      l: { state: reader },
      p: { note: 'No page runs: --no-page said so.' },
      '?': { print: HELP },
      h: { print: HELP },
      q: { state: quitting, action: { do: 'quit' } },
    },
  ],
  [
    'which dyno to restart',
    restart,
    two,
    { 1: { action: { do: 'restart', dyno: 'web.1' } }, 2: { action: { do: 'restart', dyno: 'worker.1' } } },
  ],
  [
    'which process to crash',
    crash,
    two,
    Object.fromEntries(targets.map((target, n) => [String(n + 1), { state: { at: 'signal', target } }])),
  ],
  [
    'by which signal',
    signal,
    two,
    {
      enter: { action: { do: 'kill', pid: 102, signal: 'SIGKILL' } },
      k: { action: { do: 'kill', pid: 102, signal: 'SIGKILL' } },
      t: { action: { do: 'kill', pid: 102, signal: 'SIGTERM' } },
      s: { action: { do: 'kill', pid: 102, signal: 'SIGSEGV' } },
    },
  ],
  [
    'whose memory to flood',
    flood,
    two,
    {
      p: { state: { ...amount, usualBytes: 256 * MB } },
      s: { state: { ...amount, where: 'sidekiq', usualBytes: 256 * MB } },
      c: { state: { ...amount, where: 'convert', usualBytes: 256 * MB } },
    },
  ],
  ['how much', amount, two, { ...typing(amount), enter: { action: { do: 'flood', where: 'puma', bytes: 256 * MB } } }],
  ['how much, after 30', { ...amount, text: '30' }, two, typing({ ...amount, text: '30' })],
  ['which quota', quota, two, typing(quota)],
  [
    'how the log is read',
    reader,
    two,
    {
      f: { action: { do: 'log-reader', pace: 'full' } },
      s: { action: { do: 'log-reader', pace: 'slow' } },
      t: { action: { do: 'log-reader', pace: 'stalled' } },
    },
  ],
];

describe.each(ANSWERS)('%s', (_, state, scene, answers) => {
  test.each(KEYS)('%s', (key) => {
    const { prompt, ...step } = next(state, key, scene);
    const expected =
      key === 'ctrl-c' ? { state: quitting, action: { do: 'quit' } } : { state: AT_REST, ...answers[key] };
    expect({ ...step, prompt: null }).toEqual({ ...NOTHING, ...expected });
    expect(prompt === null).toBe(step.state.at === 'rest');
  });
});

describe('on its way to the end', () => {
  test.each(KEYS.filter((key) => key !== 'ctrl-c'))('%s does nothing any more', (key) => {
    expect(next(quitting, key, two)).toMatchObject({ state: quitting, action: null });
  });

  it('ends at once on a second Ctrl-C', () => {
    const first = next(AT_REST, 'ctrl-c', two);
    expect(first).toMatchObject({ action: { do: 'quit' }, prompt: expect.stringContaining('Ctrl-C again') as string });
    expect(next(first.state, 'ctrl-c', two).action).toEqual({ do: 'quit-at-once' });
    expect(next(next(AT_REST, 'q', two).state, 'ctrl-c', two).action).toEqual({ do: 'quit-at-once' });
  });
});

it('helps with every key that does something', () => {
  const helped = HELP.join(' ');
  for (const key of 'drcfsxulpq') expect(helped).toMatch(new RegExp(` ${key} (\\w+ )`));
});

describe('what is asked', () => {
  test.each<[string, string, Scene, string]>([
    ['c', 'one dyno', one, 'Crash which? 1 supervisor  2 puma  3 sidekiq'],
    ['c', 'two dynos', two, 'Crash which? web.1: 1 supervisor  2 puma  3 sidekiq  worker.1: 4 sidekiq'],
    ['c2', 'a process', one, 'Crash puma (pid 102) of web.1 by: Enter or k KILL, t TERM, s SEGV'],
    ['r', 'two dynos', two, 'Restart which? 1 web.1  2 worker.1'],
    ['f', 'a part', one, 'Flood the memory of: p puma, s sidekiq, c a convert that a job starts'],
    ['fp', 'an amount', one, 'Flood puma with how much? Enter: 256M > '],
    ['fp30', 'an amount that begins', one, 'Flood puma with how much? Enter: 256M > 30'],
    ['u', 'a quota', one, 'Quota of each dyno? Now 512M > '],
    ['u7', 'a quota that begins', one, 'Quota of each dyno? Now 512M > 7'],
    ['l', 'a pace', one, 'Log reader (now full): f full, s slow, t stalled'],
  ])('%s: %s', (keys, _, scene, prompt) => expect(type(keys, scene).prompt).toBe(prompt));

  it('names the lives of a dyno apart', () => {
    const old = aRun({ id: 7, phase: 'stopping', processes: [aProcess({ pid: 301, label: 'puma' })] });
    const now = aRun({ id: 8, processes: [aProcess({ pid: 302, label: 'puma' })] });
    const view = { ...aView(), dynos: [aDyno({ runs: [now, old] })] };
    expect(type('c', { view, pageUrl: null }).prompt).toBe('Crash which? web.1: 1 puma  web.1 (stopping): 2 puma');
  });

  it('goes on with letters after nine, and leaves out what has no letter', () => {
    const processes = Array.from({ length: 40 }, (_, n) => aProcess({ pid: 1000 + n, label: `p${n}` }));
    const scene = { view: { ...aView(), dynos: [aDyno({ runs: [aRun({ processes })] })] }, pageUrl: null };
    const { state, prompt } = type('c', scene);
    expect(prompt).toContain('9 p8  a p9  b p10');
    expect(prompt).toMatch(/z p34$/);
    expect(next(state, 'a', scene).state).toMatchObject({ target: { pid: 1009 } });
    expect(next(state, 'z', scene).state).toMatchObject({ target: { pid: 1034 } });
  });
});

describe('amounts', () => {
  test.each<[string, Step['action']]>([
    ['u1G', { do: 'quota', bytes: 1024 * MB }],
    ['u512m', { do: 'quota', bytes: 512 * MB }],
    ['u1.5g', { do: 'quota', bytes: 1536 * MB }],
    ['fs300M', { do: 'flood', where: 'sidekiq', bytes: 300 * MB }],
    ['fc64MiB', { do: 'flood', where: 'convert', bytes: 64 * MB }],
    ['u', null],
  ])('%s', (keys, action) => {
    const step = next(type(keys, one).state, 'enter', one);
    expect(step).toMatchObject({ action, state: AT_REST });
  });

  test.each(['u5', 'u1.2.3', 'uM', 'fp1K', 'u99999999999G'])('%s is asked for again', (keys) => {
    const step = next(type(keys, one).state, 'enter', one);
    expect(step.action).toBeNull();
    expect(step.prompt).toMatch(/^Expected an amount like 512M or 1G, at least 16M > \S+$/);
    const after = next(step.state, 'backspace', one);
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
    expect(floodBytes({ ...aView(), ...view }, 'convert')).toBe(mebibytes * MB);
  });
});

describe('a process list that changes at a question', () => {
  const changed = (view: Partial<View>): Scene => ({ view: { ...two.view, ...view }, pageUrl: null });
  const without = (pid: number): Scene => {
    const processes = aRun().processes.filter((process) => process.pid !== pid);
    return changed({ dynos: [aDyno({ runs: [aRun({ processes })] })] });
  };

  it('keeps its letters: what was shown is what is asked about', () => {
    const shown = type('c', two).state;
    expect(next(shown, '3', without(102)).state).toMatchObject({ target: { pid: 103, label: 'sidekiq' } });
  });

  test.each<[string, Scene]>([
    ['has ended', without(102)],
    ['has ended with its dyno', none],
    ['ended and its pid is of another life now', changed({ dynos: [aDyno({ runs: [aRun({ id: 9 })] })] })],
    [
      'ended and its pid is of another process now',
      changed({ dynos: [aDyno({ runs: [aRun({ processes: [aProcess({ pid: 102, label: 'sidekiq' })] })] })] }),
    ],
    ['ended and its pid is of another dyno now', changed({ dynos: [aDyno({ name: 'web.2' })] })],
  ])('kills nothing when the process %s', (_, scene) => {
    const step = next(signal, 'enter', scene);
    expect(step).toMatchObject({ action: null, state: AT_REST });
    expect(step.note).toBe('puma (pid 102) has ended meanwhile; nothing was killed.');
  });

  it('never kills a pid that was not shown, whatever is typed and whatever happens', () => {
    const scenes = fc.constantFrom(one, two, none, without(102), without(103));
    const key = fc.constantFrom(...Array.from('c1234kts'), 'enter', 'escape');
    fc.assert(
      fc.property(fc.array(fc.tuple(key, scenes), { maxLength: 40 }), (steps) => {
        let state: KeyState = AT_REST;
        for (const [pressed, scene] of steps) {
          const step: Step = next(state, pressed, scene);
          if (step.action?.do === 'kill') {
            expect(state).toMatchObject({ at: 'signal', target: { pid: step.action.pid } });
            expect(JSON.stringify(scene.view)).toContain(`"pid":${step.action.pid},`);
          }
          state = step.state;
        }
      }),
    );
  });
});

/** The letters of an amount, and the backspace. Enter is told apart. */
function typing(state: Extract<KeyState, { text: string }>): Record<string, Partial<Step>> {
  const text = (now: string): Partial<Step> => ({ state: { ...state, text: now } });
  const letters = Array.from('0123456789.kmgibKMGIB').map((letter) => [letter, text(state.text + letter)] as const);
  const wrong = { state: { ...state, isWrong: true } };
  const enter = state.text === '' ? {} : { enter: wrong };
  return { ...Object.fromEntries(letters), backspace: text(state.text.slice(0, -1)), ...enter };
}

function type(keys: string, scene: Scene, ...more: readonly string[]): Step {
  let step: Step = { state: AT_REST, ...NOTHING };
  for (const key of [...Array.from(keys), ...more]) step = next(step.state, key, scene);
  return step;
}
