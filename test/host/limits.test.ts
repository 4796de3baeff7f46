import { afterEach, expect, test, vi } from 'vitest';
import { limitsOfThisMachine } from '../../src/host/limits.ts';

afterEach(() => void vi.unstubAllGlobals());

/** As if we ran elsewhere; the rest of the machine is the real one. */
function elsewhere(pid: number, platform: NodeJS.Platform): void {
  vi.stubGlobal('process', { pid, platform, env: process.env });
}

test('nothing to say on Linux with util-linux', () => {
  elsewhere(2, 'linux');
  expect(limitsOfThisMachine(true)).toEqual([]);
});

test('as PID 1: who reaps, and the remedy, once', () => {
  elsewhere(1, 'linux');
  expect(limitsOfThisMachine(true)).toEqual([expect.stringMatching(/PID 1.*reap.*--init/)]);
});

test('on macOS: neither /proc nor parent-death signal', () => {
  elsewhere(2, 'darwin');
  const limits = [
    expect.stringMatching(/no \/proc on darwin/),
    expect.stringMatching(/no parent-death signal on darwin/),
  ];
  expect(limitsOfThisMachine(true)).toEqual(limits);
});
