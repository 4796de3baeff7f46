import { splitWords } from './shell-words.ts';

/** A value, or in a few words what was expected instead. */
export type Parsed<T> = { value: T } | { expected: string };
/** Reads the text of a variable; null when it is unset or empty. */
export type Parser<T> = (text: string | null) => Parsed<T>;

/** A variable that we read. byDefault: how the documentation words the default. */
export type Setting<T> = { parse: Parser<T>; byDefault: string; doc: string };

export function setting<T>(parse: Parser<T>, byDefault: string, doc: string): Setting<T> {
  return { parse, byDefault, doc };
}

export function wholeNumber<D extends number | null>(least: number, most: number, fallback: D): Parser<number | D> {
  return (text) => {
    if (text === null) return { value: fallback };
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return { value };
    return { expected: `a whole number from ${least} to ${most}` };
  };
}

/** A part of a whole: `0.15`. */
export const ratio: Parser<number | null> = (text) => {
  if (text === null) return { value: null };
  const value = /^(\d{1,9}(\.\d{0,9})?|\.\d{1,9})$/.test(text) ? Number(text) : NaN;
  return value <= 1 ? { value } : { expected: 'a number from 0 to 1, such as 0.15' };
};

/** Seconds in the variable and in `fallback`, milliseconds in the settings. */
export function seconds<D extends number | null>(least: number, most: number, fallback: D): Parser<number | D> {
  return (text) => {
    if (text === null && fallback === null) return { value: fallback };
    const value = text === null ? Number(fallback) : /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return { value: Math.round(value * 1000) };
    return { expected: `a number of seconds from ${least} to ${most}` };
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** An amount of memory, in bytes in the settings: `512M`, `1.5G`, `536870912`. */
export function size(leastBytes: number, fallback: number | null): Parser<number | null> {
  return (text) => {
    if (text === null) return { value: fallback };
    const [, number, unit] = /^(\d{1,15}(?:\.\d{1,3})?)(?:([KMG])i?)?B?$/i.exec(text) ?? [];
    const bytes = number === undefined ? NaN : Math.round(Number(number) * (UNITS[(unit ?? '').toUpperCase()] ?? NaN));
    if (bytes >= leastBytes && bytes <= Number.MAX_SAFE_INTEGER) return { value: bytes };
    return { expected: `an amount of memory like 512M or 1G, at least ${leastBytes / 2 ** 20}M` };
  };
}

const MINUTE_MS = 60_000;
const MS: Readonly<Record<string, number>> = { '': 1000, ms: 1, s: 1000, m: MINUTE_MS, h: 3_600_000, d: 86_400_000 };

/** `6h`, `90m`, `500ms`, `3600`; milliseconds in the settings. */
export function duration<D extends number | null>(leastMs: number, mostMs: number, fallback: D): Parser<number | D> {
  return (text) => {
    if (text === null) return { value: fallback };
    const [, number, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|[smhd]?)$/.exec(text) ?? [];
    const ms = number === undefined ? NaN : Math.round(Number(number) * (MS[unit ?? ''] ?? NaN));
    if (ms >= leastMs && ms <= mostMs) return { value: ms };
    const examples = mostMs < MINUTE_MS ? '500ms or 2s' : '90s, 30m or 6h';
    return { expected: `a time like ${examples}, from ${inWords(leastMs)} to ${inWords(mostMs)}` };
  };
}

function inWords(ms: number): string {
  const unit = ['d', 'h', 'm', 's'].find((one) => ms >= (MS[one] ?? 0) && ms % (MS[one] ?? 1) === 0) ?? 's';
  return `${ms / (MS[unit] ?? 1000)}${unit}`;
}

export function oneOf<const T extends string, const D extends T | null>(
  choices: readonly T[],
  fallback: D,
): Parser<T | D> {
  return (text) => {
    if (text === null) return { value: fallback };
    const value = choices.find((choice) => choice === text);
    return value === undefined ? { expected: choices.join(' or ') } : { value };
  };
}

/** True for exactly this word, as `[ "$X" == "true" ]` in the shell line; what only looks like it is a warning elsewhere. */
export function exactly(word: string): Parser<boolean> {
  return (text) => ({ value: text === word });
}

/** One of these words, exactly; anything else is as good as unset, as above. */
export function exactlyOneOf<const T extends string>(words: readonly T[]): Parser<T | null> {
  return (text) => ({ value: words.find((word) => word === text) ?? null });
}

/** False for exactly this word. */
export function anythingBut(word: string): Parser<boolean> {
  return (text) => ({ value: text !== word });
}

/** A memory size as ImageMagick reads it: bytes, or with a unit as in 256MiB. Kept as it is written. */
export const magickSize: Parser<string | null> = (text) =>
  text === null || /^\d+(\.\d+)?([kKMGT]i?)?B?$/.test(text)
    ? { value: text }
    : { expected: 'a number of bytes, or a size like 256MiB' };

export const anyText: Parser<string | null> = (text) => ({ value: text });

export type Words = readonly [string, ...string[]];

/** A command line, split as a shell would. */
export function command(fallback: string): Parser<Words> {
  return (text) => {
    try {
      const [file, ...args] = splitWords(text ?? fallback);
      if (!file) return { expected: 'a command' };
      if (!/^\w+=/.test(file)) return { value: [file, ...args] };
      return { expected: 'a command; no shell sets a variable before it, `env NAME=value …` does' };
    } catch (error) {
      return { expected: `a command line as a shell reads it, not ${(error as Error).message}` };
    }
  };
}
