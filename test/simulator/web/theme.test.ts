import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const css = readFileSync(new URL('../../../src/simulator/web/page/theme.css', import.meta.url), 'utf8');
const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)');
const themes = { light: coloursOf(light), dark: coloursOf(dark) };

/** Text on what it stands on: 4.5 to 1 [WCAG 2.2, 1.4.3]. */
const TEXTS: readonly (readonly [text: string, grounds: readonly string[]])[] = [
  ['text', ['page', 'surface', 'raised']],
  ['quiet', ['page', 'surface', 'raised']],
  ['accent', ['surface', 'accent-wash']],
  ['good', ['page', 'surface', 'good-wash']],
  ['warn', ['surface', 'warn-wash']],
  ['bad', ['page', 'surface', 'bad-wash']],
  ['on-accent', ['accent', 'accent-strong']],
  ['on-bad', ['bad']],
  ...[0, 1, 2, 3, 4, 5].map((n) => [`from-${n}`, ['surface']] as const),
];
/** Lines, bars, borders of fields: 3 to 1 [1.4.11]. */
const SHAPES: readonly (readonly [string, readonly string[]])[] = [
  ['field-border', ['page', 'surface']],
  ...Object.keys(themes.light)
    .filter((name) => name.startsWith('process-'))
    .map((name) => [name, ['surface']] as const),
];

const cases = Object.entries(themes).flatMap(([theme, colours]) =>
  [...TEXTS.map((pair) => [...pair, 4.5] as const), ...SHAPES.map((pair) => [...pair, 3] as const)].flatMap(
    ([front, grounds, least]) => grounds.map((ground) => [theme, front, ground, least, colours] as const),
  ),
);

test.each(cases)('%s: %s on %s, at least %d to 1', (_, front, ground, least, colours) => {
  expect(contrast(colours[front] ?? '', colours[ground] ?? '')).toBeGreaterThanOrEqual(least);
});

test('dark has every colour of its own that light has', () => {
  expect(Object.keys(themes.dark)).toEqual(Object.keys(themes.light));
  expect(cases.length).toBeGreaterThan(60);
});

test('the measure is the right one', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
});

function coloursOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/--([\w-]+): (#[\da-f]{6});/g)].map(([, name = '', value = '']): [string, string] => [
      name,
      value,
    ]),
  );
}

/** [WCAG 2.2, contrast ratio] */
function contrast(one: string, other: string): number {
  const [brighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (brighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const [red = NaN, green = NaN, blue = NaN] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
