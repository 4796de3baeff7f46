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
  ['one INT', [[0, INT]], null],
  ['a copy at the same instant', at(0, 0), null],
  ['two copies', at(0, 1, GAP - 1), null],
  ['a second INT once the gap is over', at(0, GAP), GAP],
  ['a copy does not start the gap again', at(0, GAP - 1, GAP), GAP],
  ['a copy does not count towards a later INT', at(0, 1, 2, 900), 900],
  ['INT after TERM', [[0, 'SIGTERM'], ...at(600)], null],
  ['INT after TERM, and its copy', [[0, 'SIGTERM'], ...at(600, 600 + GAP - 1)], null],
  ['two INT after TERM', [[0, 'SIGTERM'], ...at(600, 600 + GAP)], 600 + GAP],
];

function at(...times: readonly number[]): History {
  return times.map((ms) => [ms, INT]);
}

test.each(HISTORIES)('a dyno: %s', async (_, history, killedAtMs) => {
  const { host, play } = started();
  const ended = new Supervisor(web, host, () => {}).run();
  expect(await play(history)).toBe(killedAtMs);
  host.of('puma').exit(toStatus(killedAtMs === null ? 0 : 'SIGKILL'));
  expect(await ended).toMatchObject({ code: killedAtMs === null ? 0 : 137 });
});

test.each(HISTORIES)('a release: %s', async (_, history, killedAtMs) => {
  const { host, play } = started();
  const ended = release(releasePlan, host, () => {});
  await settled();
  expect(await play(history)).toBe(killedAtMs);
  host.of('puma').exit(toStatus(killedAtMs === null ? 1 : 'SIGKILL'));
  expect(await ended).toMatchObject({ code: killedAtMs === null ? 1 : 137 });
});

test('an INT that waits for a listener is dated by its arrival', async () => {
  const { host, signals } = started();
  signals.post(INT);
  await host.clock.advance(GAP);
  signals.post(INT);
  const ended = new Supervisor(web, host, () => {}).run();
  await settled();
  expect(host.killedAll).toBe(1);
  host.of('puma').exit(toStatus('SIGKILL'));
  expect(await ended).toMatchObject({ code: 137 });
});

/** A fake host that gets the signals of this process, dated by its fake clock. */
function started() {
  const host = new FakeHost();
  const signals = listenToSignals(host.clock);
  onTestFinished(() => signals.close());
  host.onSignal = signals.subscribe;
  let isHurried = false;
  void signals.secondInterrupt.then(() => (isHurried = true));
  /** Gives the time at which everything was killed. The router must stop waiting for its clients at the same time. */
  const play = async (history: History): Promise<number | null> => {
    let killedAtMs: number | null = null;
    for (const [atMs, name] of history) {
      await host.clock.advance(atMs - host.clock.now());
      process.emit(name, name);
      await settled();
      if (host.killedAll > 0) killedAtMs ??= atMs;
      expect(isHurried).toBe(killedAtMs !== null);
    }
    return killedAtMs;
  };
  return { host, signals, play };
}
