import { splitWords } from './words.ts';

/** A value, or in a few words what was expected instead. */
export type Parsed<T> = { value: T } | { expected: string };
/** Reads the text of a variable; null when it is unset or empty. */
export type Parser<T> = (text: string | null) => Parsed<T>;

export function wholeNumber<D extends number | null>(least: number, most: number, fallback: D): Parser<number | D> {
  return (text) => {
    if (text === null) return { value: fallback };
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return { value };
    return { expected: `a whole number from ${least} to ${most}` };
  };
}

/** Seconds in the variable, milliseconds in the settings. */
export function seconds(least: number, most: number, fallback: number): Parser<number> {
  return (text) => {
    const value = text === null ? fallback : /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return { value: Math.round(value * 1000) };
    return { expected: `a number of seconds from ${least} to ${most}` };
  };
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
export function exactly(word: string, reserved: readonly string[] = []): Parser<boolean> {
  return (text) => {
    if (text === null || !reserved.includes(text)) return { value: text === word };
    return { expected: `${word} or nothing: ${reserved.join(' and ')} are reserved for a later version` };
  };
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
