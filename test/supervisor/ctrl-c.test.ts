import { expect, onTestFinished, test } from 'vitest';
import type { StopSignal } from '../../src/host.ts';
import { listenToSignals, SAME_CTRL_C_MS } from '../../src/process/signals.ts';
import type { ReleasePlan } from '../../src/plan/spec.ts';
import { release } from '../../src/release/release.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { settled } from '../fakes/clock.ts';
import { FakeHost } from '../fakes/host.ts';
import { web } from '../fakes/plan.ts';
import { toStatus } from './replay.ts';

const releasePlan: ReleasePlan = {
  kind: 'release',
  role: 'release',
  steps: [{ name: 'puma', command: ['migrate'], env: {} }],
  stop: web.stop,
  warnings: [],
};

type History = readonly (readonly [atMs: number, signal: StopSignal])[];

const INT = 'SIGINT';
const GAP = SAME_CTRL_C_MS;
const HISTORIES: readonly (readonly [string, History, killedAtMs: number | null])[] = [
  ['one SIGINT', [[0, INT]], null],
  ['a copy at the same instant', interruptsAt(0, 0), null],
  ['two copies', interruptsAt(0, 1, GAP - 1), null],
  ['a second SIGINT once the gap is over', interruptsAt(0, GAP), GAP],
  ['a copy does not restart the gap', interruptsAt(0, GAP - 1, GAP), GAP],
  ['a copy does not count towards a later SIGINT', interruptsAt(0, 1, 2, 900), 900],
  ['SIGINT after SIGTERM', [[0, 'SIGTERM'], ...interruptsAt(600)], null],
  ['SIGINT after SIGTERM, and its copy', [[0, 'SIGTERM'], ...interruptsAt(600, 600 + GAP - 1)], null],
  ['two SIGINT after SIGTERM', [[0, 'SIGTERM'], ...interruptsAt(600, 600 + GAP)], 600 + GAP],
];

function interruptsAt(...times: readonly number[]): History {
  return times.map((ms) => [ms, INT]);
}

test.each(HISTORIES)('a dyno: %s', async (_, history, killedAtMs) => {
  const { host, play } = startHost();
  const outcome = new Supervisor(web, host, () => {}).run();
  expect(await play(history)).toBe(killedAtMs);
  host.of('puma').exit(toStatus(killedAtMs === null ? 0 : 'SIGKILL'));
  expect(await outcome).toMatchObject({ code: killedAtMs === null ? 0 : 137 });
});

test.each(HISTORIES)('a release: %s', async (_, history, killedAtMs) => {
  const { host, play } = startHost();
  const outcome = release(releasePlan, host, () => {});
  await settled();
  expect(await play(history)).toBe(killedAtMs);
  host.of('puma').exit(toStatus(killedAtMs === null ? 1 : 'SIGKILL'));
  expect(await outcome).toMatchObject({ code: killedAtMs === null ? 1 : 137 });
});

test('a SIGINT before the first subscriber counts from its arrival', async () => {
  const { host, signals } = startHost();
  signals.post(INT);
  await host.clock.advance(GAP);
  signals.post(INT);
  const outcome = new Supervisor(web, host, () => {}).run();
  await settled();
  expect(host.killedAll).toBe(1);
  host.of('puma').exit(toStatus('SIGKILL'));
  expect(await outcome).toMatchObject({ code: 137 });
});

/** A fake host that receives the signals of this process, timestamped by its fake clock. */
function startHost() {
  const host = new FakeHost();
  const signals = listenToSignals(host.clock);
  onTestFinished(() => signals.close());
  host.onSignal = signals.subscribe;
  let wasInterruptedTwice = false;
  void signals.secondInterrupt.then(() => (wasInterruptedTwice = true));
  /** Returns when everything was killed, or null. The router must stop waiting for its clients at the same time. */
  const play = async (history: History): Promise<number | null> => {
    let killedAtMs: number | null = null;
    for (const [atMs, name] of history) {
      await host.clock.advance(atMs - host.clock.now());
      process.emit(name, name);
      await settled();
      if (host.killedAll > 0) killedAtMs ??= atMs;
      expect(wasInterruptedTwice).toBe(killedAtMs !== null);
    }
    return killedAtMs;
  };
  return { host, signals, play };
}
