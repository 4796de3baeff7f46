import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Signals } from '../../src/process/signals.ts';
import { type Interruption, listenForInterruption } from '../../src/simulator/start-simulation.ts';

type Name = Parameters<Parameters<Signals['subscribe']>[0]>[0];

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Listens, and gives it each signal after so many milliseconds. */
function interruptedBy(...signals: readonly (readonly [afterMs: number, Name])[]): Interruption {
  let give: (name: Name) => void = () => {};
  const before = process.listeners('SIGQUIT');
  const interruption = listenForInterruption({ subscribe: (listener) => ((give = listener), () => {}) });
  onTestFinished(() => {
    for (const ours of process.listeners('SIGQUIT')) if (!before.includes(ours)) process.off('SIGQUIT', ours);
  });
  for (const [afterMs, name] of signals) {
    vi.advanceTimersByTime(afterMs);
    give(name);
  }
  return interruption;
}

test.each([
  ['INT', [[0, 'SIGINT']], 'SIGINT', undefined],
  [
    'the same Ctrl-C twice',
    [
      [0, 'SIGINT'],
      [499, 'SIGINT'],
    ],
    'SIGINT',
    undefined,
  ],
  [
    'a Ctrl-C, handed on, and another',
    [
      [0, 'SIGINT'],
      [499, 'SIGINT'],
      [1, 'SIGINT'],
    ],
    'SIGINT',
    'SIGINT',
  ],
  [
    'TERM, again and again',
    [
      [0, 'SIGTERM'],
      [600, 'SIGTERM'],
    ],
    'SIGTERM',
    undefined,
  ],
  [
    'HUP, then INT',
    [
      [0, 'SIGHUP'],
      [600, 'SIGINT'],
    ],
    'SIGHUP',
    'SIGINT',
  ],
  [
    'what is for the children',
    [
      [0, 'SIGUSR1'],
      [0, 'SIGTTIN'],
    ],
    undefined,
    undefined,
  ],
] as const)('%s', (_, signals, first, second) => {
  const interruption = interruptedBy(...signals);
  expect([interruption.first.reason, interruption.second.reason]).toEqual([first, second]);
});
