import { describe, expect, it, test } from 'vitest';
import { colourForName, formatLogLine, wantsColours } from '../../../src/simulator/terminal/text.ts';
import type { LogLine } from '../../../src/simulator/simulation.ts';

const NEW_YEAR_MS = Date.UTC(2026, 0, 1);
const ESCAPE = '\x1b';

function line(change: Partial<LogLine> = {}): LogLine {
  return { atMs: NEW_YEAR_MS, source: 'app', from: 'web.1', text: 'text', ...change };
}

describe('without colours', () => {
  test.each<[string, Partial<LogLine>, string]>([
    ['as the platform prints it', {}, '2026-01-01T00:00:00.000000+00:00 app[web.1]: text'],
    ['milliseconds', { atMs: NEW_YEAR_MS + 1 }, '2026-01-01T00:00:00.001000+00:00 app[web.1]: text'],
    ['microseconds', { atMs: NEW_YEAR_MS + 59_999.5 }, '2026-01-01T00:00:59.999500+00:00 app[web.1]: text'],
    [
      'of the platform itself',
      { source: 'heroku', text: 'State changed from starting to up' },
      '2026-01-01T00:00:00.000000+00:00 heroku[web.1]: State changed from starting to up',
    ],
    ['an empty line', { text: '' }, '2026-01-01T00:00:00.000000+00:00 app[web.1]: '],
    [
      'colours and controls of a process are left out',
      { text: `${ESCAPE}[31mred${ESCAPE}[0m${ESCAPE}[2J\r`, from: `a${ESCAPE}[2J` },
      '2026-01-01T00:00:00.000000+00:00 app[a]: red',
    ],
  ])('%s', (_, change, text) => expect(formatLogLine(line(change), false)).toBe(text));
});

describe('with colours', () => {
  it('reads the same', () => {
    const coloured = formatLogLine(line({ source: 'heroku', text: 'Error R14 (Memory quota exceeded)' }), true);
    expect(coloured.replaceAll(new RegExp(`${ESCAPE}\\[[\\d;]*m`, 'g'), '')).toBe(
      '2026-01-01T00:00:00.000000+00:00 heroku[web.1]: Error R14 (Memory quota exceeded)',
    );
  });

  test.each([
    ['heroku', 'Error R14 (Memory quota exceeded)', true],
    ['heroku', 'Error R10 (Boot timeout) -> Web process failed to bind to $PORT', true],
    ['heroku', 'at=error code=H12 desc="Request timeout" method=GET', true],
    ['heroku', 'State changed from up to crashed', true],
    ['heroku', 'State changed from starting to up', false],
    ['heroku', 'at=info method=GET path="/about"', false],
    ['app', 'an app that talks of Error R14, at=error and crashed', false],
  ] as const)('%s: %s stands out: %s', (source, text, isTrouble) => {
    expect(formatLogLine(line({ source, text }), true).includes(`${ESCAPE}[1;31m${text}`)).toBe(isTrouble);
  });

  it('keeps the colours of a process, and ends them with the line', () => {
    expect(formatLogLine(line({ text: `${ESCAPE}[32mgreen${ESCAPE}[2J` }), true)).toMatch(
      `${ESCAPE}[32mgreen${ESCAPE}[0m`,
    );
  });

  it('gives the usual dynos colours of their own', () => {
    const names = ['web.1', 'web.2', 'worker.1', 'worker.2', 'streaming.1', 'router', 'api', 'release.1'];
    expect(new Set(names.map(colourForName)).size).toBe(names.length);
    expect(names.map(colourForName)).not.toContain('red');
  });
});

describe('colours are wanted', () => {
  test.each<[Record<string, string>, boolean, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{ TERM: 'xterm-256color' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: 'false' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  ])('%j on a terminal (%s): %s', (env, isTerminal, wanted) => {
    expect(wantsColours(env, isTerminal)).toBe(wanted);
  });
});
