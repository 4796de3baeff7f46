import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { DynoStatus, View } from '../../../src/simulator/simulation.ts';
import { promptLine, statusLine } from '../../../src/simulator/terminal/status-line.ts';
import { countColumns, withoutControls } from '../../../src/simulator/terminal/text.ts';
import { aDyno, aProcess, aRun, aView, MB, START_MS } from '../fake-simulation.ts';

const BUSY: View = { ...aView(), openRequests: 3, openStreams: 1 };
const worker = aDyno({
  name: 'worker.1',
  runs: [aRun({ processes: [aProcess({ label: 'sidekiq', bytes: 130 * MB })] })],
});

const plain = (view: Partial<View>, columns = 200): string => statusLine({ ...BUSY, ...view }, columns, false);

describe('with room enough', () => {
  test.each<[string, Partial<View>, string]>([
    ['a dyno', {}, ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · 3 open · 1 stream · ? keys'],
    [
      'two dynos, nothing open',
      { dynos: [aDyno(), worker], openRequests: 0, openStreams: 0 },
      ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · worker.1 up  sidekiq 130  =130/512M 25%' +
        ' · 0 open · 0 streams · ? keys',
    ],
    ['no dyno', { dynos: [] }, ' 3 open · 1 stream · ? keys'],
    ['a log reader that is not as fast as it can', { logReader: 'stalled' }, /1 stream · log stalled · \? keys$/],
    ['a release that runs', { release: { version: 3, state: 'running' } }, /^ release v3 runs · web\.1 up/],
    ['a release that failed', { release: { version: 3, state: 'failed' } }, /^ release v3 failed · web\.1 up/],
  ] as [string, Partial<View>, string][])('%s', (_, view, line) => expect(plain(view)).toEqual(matching(line)));

  test.each<[string, Parameters<typeof aDyno>[0], string | RegExp]>([
    ['starts', { state: 'starting', sinceMs: START_MS - 4400 }, / web\.1 starting 4s {2}puma/],
    ['stops', { state: 'stopping', sinceMs: START_MS - 29_600 }, / web\.1 stopping 30s {2}puma/],
    ['cools off', { state: 'cooling off', restartsAtMs: START_MS + 271_000, runs: [] }, / web\.1 cooling off 271s · /],
    ['cools off for an unknown time', { state: 'cooling off', runs: [] }, / web\.1 cooling off · /],
    ['has crashed', { state: 'crashed', runs: [] }, / web\.1 crashed · /],
    ['is down', { state: 'down', runs: [] }, / web\.1 down · /],
    ['drains an earlier life', { runs: [aRun(), aRun({ id: 2 })] }, / 61% \+1 stopping · /],
    ['has unknown memory', { runs: [aRun({ bytes: null })] }, / web\.1 up · 3 open/],
  ])('a dyno that %s', (_, change, line) => expect(plain({ dynos: [aDyno(change)] })).toMatch(line));

  it('adds what a process forked to it, and names neither shell nor supervisor', () => {
    const labels = ['shell', 'supervisor', 'puma', 'puma worker', 'puma worker', 'convert', 'streaming'];
    const processes = labels.map((label, n) =>
      aProcess({ pid: 10 + n, label, bytes: label === 'streaming' ? null : 50 * MB }),
    );
    expect(plain({ dynos: [aDyno({ runs: [aRun({ processes })] })] })).toContain(
      'up  puma 150 convert 50 streaming ?  =300/512M 59%',
    );
  });
});

describe('with less room', () => {
  const dynos = [aDyno(), worker];
  test.each([
    [85, ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · 3 open · 1 stream · ? keys', {}],
    [75, ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · 3 open · 1 stream · ? keys', {}],
    [74, ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · 3 open · ? keys', {}],
    [60, ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · 3 open · ?', {}],
    [55, ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · ?', {}],
    [49, ' web.1 up  puma 180 sidekiq 120  61% · ?', {}],
    [39, ' web.1 up =312/512M 61% · ?', {}],
    [26, ' web.1 up =312/512M 61%', {}],
    [20, ' web.1 up 61%', {}],
    [80, ' web.1 up  puma 180 sidekiq 120  61% · worker.1 up  sidekiq 130  25% · ?', { dynos }],
    [51, ' web.1 up =312/512M 61% · worker.1 up =130/512M 25%', { dynos }],
    [50, ' web.1 up 61% · worker.1 up 25%', { dynos }],
    [20, '2 up 61%', { dynos }],
    [20, '1 up 1 crashed 61%', { dynos: [aDyno(), aDyno({ state: 'crashed', runs: [] })] }],
    [10, '1 up 1 cr…', { dynos: [aDyno(), aDyno({ state: 'crashed', runs: [] })] }],
    [1, '…', { dynos }],
    [0, '', { dynos }],
  ] as [number, string, Partial<View>][])('%i columns: %s', (columns, line, view) => {
    expect(plain(view, columns)).toBe(line);
  });
});

describe('colours', () => {
  it('change nothing of the text', () => {
    for (const columns of [200, 60, 20]) {
      expect(withoutControls(statusLine(BUSY, columns, true))).toBe(statusLine(BUSY, columns, false));
    }
  });

  test.each([
    [0.5, '32'],
    [0.9, '33'],
    [1, '1;31'],
    [2.1, '1;31'],
  ])('a memory of %d times the quota has %s', (share, code) => {
    const dynos = [aDyno({ runs: [aRun({ bytes: share * 512 * MB })] })];
    expect(statusLine({ ...BUSY, dynos }, 200, true)).toContain(`\x1b[${code}m${Math.round(share * 100)}%\x1b[0m`);
  });
});

it('never has more than the width, and nothing that moves the cursor, whatever is shown', () => {
  const states: DynoStatus[] = ['starting', 'up', 'crashed', 'cooling off', 'stopping', 'down'];
  const bytes = fc.option(fc.nat(4 * 2 ** 30));
  const name = fc.oneof(fc.constantFrom('puma', 'sidekiq', '漢字', 'e\u0301', '🐘'), fc.string({ unit: 'grapheme' }));
  const process = fc.record({ pid: fc.nat(), depth: fc.nat(3), label: name, title: name, bytes });
  const run = fc
    .array(process, { maxLength: 5 })
    .chain((processes) => bytes.map((sum) => aRun({ processes, bytes: sum })));
  const dyno = fc.record({ state: fc.constantFrom(...states), name, runs: fc.array(run, { maxLength: 3 }) }).map(aDyno);
  const open = fc.nat(100_000);
  const view = fc
    .record({ dynos: fc.array(dyno, { maxLength: 4 }), openRequests: open, openStreams: open })
    .map((some): View => ({ ...BUSY, ...some }));
  fc.assert(
    fc.property(view, fc.integer({ min: 0, max: 160 }), (shown, columns) => {
      const line = statusLine(shown, columns, false);
      expect(countColumns(line)).toBeLessThanOrEqual(columns);
      expect(withoutControls(line)).toBe(line);
    }),
  );
});

describe('what leads the last line', () => {
  const lead = { text: 'Deployed v2', isError: false, isQuestion: false };
  const status = (columns: number): string => plain({}, columns);
  const asked = { ...lead, isQuestion: true, text: 'Flood puma with how much? Enter: 256M > 30' };

  test.each([
    ['an answer, the state behind it', lead, 100, / Deployed v2 · web\.1 up {2}puma/],
    ['an answer with little room behind it', lead, 34, / Deployed v2 · web\.1 up 61%$/],
    ['an answer with no room behind it', lead, 33, / Deployed v2$/],
    ['an answer that is too long', lead, 9, / Deploye…$/],
    ['a question, nothing behind it', asked, 100, / Flood puma with how much\? Enter: 256M > 30$/],
    ['a question that is too long: what was typed stays', asked, 20, / Flood puma wi… > 30$/],
    ['a question with no room at all', asked, 5, /> 30$/],
    ['a question without an amount', { ...asked, text: 'Which? 1 web.1' }, 10, / Which\? 1…$/],
  ])('%s', (_, shown, columns, line) => {
    const text = promptLine(shown, columns, false, status);
    expect(text).toMatch(line);
    expect(countColumns(text)).toBeLessThanOrEqual(columns);
  });

  it('takes no control from an answer', () => {
    expect(promptLine({ ...lead, text: 'a\x1b[2Jb\nc' }, 5, true, status)).toBe(' abc');
  });

  it('shows trouble in red and a question in bold', () => {
    expect(promptLine({ ...lead, isError: true }, 20, true, status)).toBe('\x1b[1;31m Deployed v2\x1b[0m');
    expect(promptLine(asked, 100, true, status)).toMatch(/^.\[1m Flood/);
  });
});

function matching(line: string | RegExp): string {
  return (typeof line === 'string' ? line : expect.stringMatching(line)) as string;
}
