import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, test } from 'vitest';
import type { Case } from './corpus/case.ts';
import { CORPUS } from './corpus/corpus.ts';
import { byteByByte, CaseRunner, inOnePacket } from './expect-case.ts';

const folder = mkdtempSync(join(tmpdir(), 'test-'));
let runner: CaseRunner | null = null;

afterAll(async () => {
  await runner?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A case that fails costs the router and its upstreams, so that it does not fail the next one. */
async function run(expected: Case, send: Parameters<CaseRunner['expectCase']>[1]): Promise<void> {
  runner ??= await new CaseRunner(folder).start();
  try {
    await runner.expectCase(expected, send);
  } catch (error) {
    await runner.close();
    runner = null;
    throw error;
  }
}

describe('careless and hostile clients', () => {
  test.each(CORPUS)('$name', (expected) => run(expected, inOnePacket));
});

describe('the same, byte by byte', () => {
  test.each(CORPUS.filter(({ bytes }) => bytes.length < 1500))('$name', (expected) => run(expected, byteByByte));
});
