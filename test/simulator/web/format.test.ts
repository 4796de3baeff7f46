import { expect, test } from 'vitest';
import {
  formatBytes,
  parseBytes,
  formatTime,
  formatDuration,
  type KeyPress,
  describeRun,
  formatShare,
  shortcutOf,
  SHORTCUTS,
  shortTitle,
  describeCrashes,
  formatAmount,
  withoutColours,
} from '../../../src/simulator/web/page/format.ts';
import { aDyno, aRun, MB, START_MS } from '../fake-simulation.ts';

test.each<[number | null, string]>([
  [null, '–'],
  [0, '0 MB'],
  [1.26 * MB, '1.3 MB'],
  [312.4 * MB, '312 MB'],
  [1024 * MB, '1 GB'],
  [1536 * MB, '1.5 GB'],
  [14_336 * MB, '14 GB'],
])('%s bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each<[number, string]>([
  [-5, '0 s'],
  [59_400, '59 s'],
  [60_000, '1 min'],
  [125_000, '2 min 5 s'],
  [3_600_000, '1 h'],
  [11_400_000, '3 h 10 min'],
])('%s ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each<[string, number | null]>([
  ['512M', 512 * MB],
  [' 512 mb ', 512 * MB],
  ['1.5G', 1536 * MB],
  ['1,5 GiB', 1536 * MB],
  ['64k', 65_536],
  ['512', null],
  ['0M', null],
  ['-1M', null],
  ['M', null],
  ['', null],
])('%j as an amount: %s', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test('an amount as it is typed reads as itself', () => {
  for (const bytes of [256 * MB, 512 * MB, 1024 * MB, 2560 * MB]) expect(parseBytes(formatAmount(bytes))).toBe(bytes);
  expect(formatAmount(1024 * MB)).toBe('1G');
});

test('shares, times of day, runs', () => {
  expect([formatShare(256 * MB, 512 * MB), formatShare(1024 * MB, 512 * MB), formatShare(null, MB)]).toEqual([
    '50 %',
    '200 %',
    '–',
  ]);
  expect(formatTime(new Date(2026, 0, 2, 7, 4, 9).getTime())).toBe('07:04:09');
  const run = aRun({ id: 3, phase: 'stopping', port: 5102 });
  expect(describeRun(run, false)).toBe(`run 3, draining, started ${formatTime(START_MS)}, port 5102`);
  expect(describeRun({ ...run, port: null }, true)).toBe(`run 3, stopping, started ${formatTime(START_MS)}`);
});

test('what went wrong, and when it goes on', () => {
  expect(describeCrashes(aDyno(), START_MS)).toBe('');
  expect(describeCrashes(aDyno({ crashes: 1 }), START_MS)).toBe('1 crash in a row');
  const cooling = aDyno({ crashes: 2, restartsAtMs: START_MS + 250_000 });
  expect(describeCrashes(cooling, START_MS)).toBe('2 crashes in a row, starts again in 4 min 10 s');
});

test('the codes of a terminal are no text', () => {
  expect(withoutColours('\u001b[1;31mError\u001b[0m in [app]')).toBe('Error in [app]');
});

test.each([
  ['/usr/bin/node /srv/app/bin/mstdn-supervise.js web', 'node mstdn-supervise.js web'],
  ['puma 6.4 (unix:///tmp/puma.sock) [app]', 'puma 6.4 (unix:///tmp/puma.sock) [app]'],
  ['convert /tmp/in.jpg -resize 10x10 /tmp/a/out.jpg', 'convert in.jpg -resize 10x10 out.jpg'],
  ['ls / /tmp/', 'ls / /tmp/'],
])('%s is short for a title: %s', (title, short) => {
  expect(shortTitle(title)).toBe(short);
});

const press = (key: string, change: Partial<KeyPress> = {}): KeyPress => {
  return { key, ctrlKey: false, altKey: false, metaKey: false, repeat: false, target: 'body', ...change };
};

test('each shortcut is taken anywhere but where letters go, and not with a modifier', () => {
  for (const [key, id] of Object.entries(SHORTCUTS)) {
    for (const into of ['body', 'button', 'div', 'ol', 'input radio'])
      expect(shortcutOf(press(key, { target: into }))).toBe(id);
    for (const into of ['input search', 'input text', 'textarea', 'select', 'editable'])
      expect(shortcutOf(press(key, { target: into }))).toBe(null);
    for (const modifier of ['ctrlKey', 'altKey', 'metaKey', 'repeat'])
      expect(shortcutOf(press(key, { [modifier]: true }))).toBe(null);
  }
  expect(shortcutOf(press('D'))).toBe('deploy');
  for (const key of ['z', 'Enter', ' ', 'Tab', 'constructor']) expect(shortcutOf(press(key))).toBe(null);
});
