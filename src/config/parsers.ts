import { splitWords } from './shell-words.ts';

/** The parsed value, or a description of what was expected. */
export type Parsed<T> = { value: T } | { expected: string };
/** Parses the text of a variable; null if it is unset or empty. */
export type Parser<T> = (text: string | null) => Parsed<T>;

/** An environment variable. byDefault: the default as the documentation states it. */
export type Setting<T> = { parse: Parser<T>; byDefault: string; doc: string };

export function setting<T>(parse: Parser<T>, byDefault: string, doc: string): Setting<T> {
  return { parse, byDefault, doc };
}

export function wholeNumber<D extends number | null>(min: number, max: number, fallback: D): Parser<number | D> {
  return (text) => {
    if (text === null) return { value: fallback };
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return { value };
    return { expected: `a whole number from ${min} to ${max}` };
  };
}

/** A number from 0 to 1, such as `0.15`. */
export const ratio: Parser<number | null> = (text) => {
  if (text === null) return { value: null };
  const value = /^(\d{1,9}(\.\d{0,9})?|\.\d{1,9})$/.test(text) ? Number(text) : NaN;
  return value <= 1 ? { value } : { expected: 'a number from 0 to 1, such as 0.15' };
};

/** The variable and `fallback` are in seconds, the setting is in milliseconds. */
export function seconds<D extends number | null>(min: number, max: number, fallback: D): Parser<number | D> {
  return (text) => {
    if (text === null && fallback === null) return { value: fallback };
    const value = text === null ? Number(fallback) : /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return { value: Math.round(value * 1000) };
    return { expected: `a number of seconds from ${min} to ${max}` };
  };
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A memory size such as `512M`, `1.5G` or `536870912`; the setting is in bytes. */
export function size(minBytes: number, fallback: number | null): Parser<number | null> {
  return (text) => {
    if (text === null) return { value: fallback };
    const [, number, unit] = /^(\d{1,15}(?:\.\d{1,3})?)(?:([KMG])i?)?B?$/i.exec(text) ?? [];
    const bytes =
      number === undefined ? NaN : Math.round(Number(number) * (BYTES_PER_UNIT[(unit ?? '').toUpperCase()] ?? NaN));
    if (bytes >= minBytes && bytes <= Number.MAX_SAFE_INTEGER) return { value: bytes };
    return { expected: `a memory size such as 512M or 1G, at least ${minBytes / 2 ** 20}M` };
  };
}

const MINUTE_MS = 60_000;
const MS_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1000,
  ms: 1,
  s: 1000,
  m: MINUTE_MS,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration such as `6h`, `90m`, `500ms` or `3600` (seconds); the setting is in milliseconds. */
export function duration<D extends number | null>(minMs: number, maxMs: number, fallback: D): Parser<number | D> {
  return (text) => {
    if (text === null) return { value: fallback };
    const [, number, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|[smhd]?)$/.exec(text) ?? [];
    const ms = number === undefined ? NaN : Math.round(Number(number) * (MS_PER_UNIT[unit ?? ''] ?? NaN));
    if (ms >= minMs && ms <= maxMs) return { value: ms };
    const examples = maxMs < MINUTE_MS ? '500ms or 2s' : '90s, 30m or 6h';
    return { expected: `a duration such as ${examples}, from ${formatDuration(minMs)} to ${formatDuration(maxMs)}` };
  };
}

function formatDuration(ms: number): string {
  const isWhole = (unit: string): boolean => ms >= (MS_PER_UNIT[unit] ?? 0) && ms % (MS_PER_UNIT[unit] ?? 1) === 0;
  const unit = ['d', 'h', 'm', 's'].find(isWhole) ?? 's';
  return `${ms / (MS_PER_UNIT[unit] ?? 1000)}${unit}`;
}

export function oneOf<const T extends string, const D extends T | null>(
  choices: readonly T[],
  fallback: D,
): Parser<T | D> {
  return (text) => {
    if (text === null) return { value: fallback };
    const value = choices.find((choice) => choice === text);
    return value === undefined ? { expected: `one of: ${choices.join(', ')}` } : { value };
  };
}

/** True for exactly this word, like `[ "$X" == "true" ]` in a Procfile. typo-warnings.ts warns about a value that
 * looks like it. */
export function exactly(word: string): Parser<boolean> {
  return (text) => ({ value: text === word });
}

/** One of these words, exactly. Any other value counts as unset. */
export function exactlyOneOf<const T extends string>(words: readonly T[]): Parser<T | null> {
  return (text) => ({ value: words.find((word) => word === text) ?? null });
}

/** False for exactly this word, true for any other value and if unset. */
export function anythingBut(word: string): Parser<boolean> {
  return (text) => ({ value: text !== word });
}

/** A memory size that ImageMagick understands: bytes, or a number with a unit such as 256MiB. Stays text. */
export const magickSize: Parser<string | null> = (text) =>
  text === null || /^\d+(\.\d+)?([kKMGT]i?)?B?$/.test(text)
    ? { value: text }
    : { expected: 'a number of bytes, or a size such as 256MiB' };

export const anyText: Parser<string | null> = (text) => ({ value: text });

export type Words = readonly [string, ...string[]];

/** A command line, split into words as a shell would. */
export function command(fallback: string): Parser<Words> {
  return (text) => {
    try {
      const [file, ...args] = splitWords(text ?? fallback);
      if (!file) return { expected: 'a command' };
      if (!/^\w+=/.test(file)) return { value: [file, ...args] };
      return { expected: 'a command; it runs without a shell, so set variables with `env NAME=value …`' };
    } catch (error) {
      return { expected: `a command line, found ${(error as Error).message}` };
    }
  };
}
