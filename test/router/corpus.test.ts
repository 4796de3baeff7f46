import { describe, test } from 'vitest';
import { CORPUS } from './corpus/corpus.ts';
import { atOnce, byteByByte } from './meets.ts';

describe('careless and hostile clients', () => {
  test.each(CORPUS)('$name', atOnce);
});

describe('the same, byte by byte', () => {
  test.each(CORPUS.filter(({ bytes }) => bytes.length < 1500))('$name', byteByByte);
});
