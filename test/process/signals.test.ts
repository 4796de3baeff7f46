import { expect, onTestFinished, test } from 'vitest';
import { listenToSignals, SAME_CTRL_C_MS, type Signals } from '../../src/process/signals.ts';
import { FakeClock } from '../fakes/clock.ts';
import { startProgram } from './program.ts';

const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'] as const;

function listen(clock?: FakeClock): Signals {
  const signals = listenToSignals(clock);
  onTestFinished(() => signals.close());
  return signals;
}

test('signals that come before there is a listener are given to it once, in order', async () => {
  const clock = new FakeClock();
  const signals = listen(clock);
  for (const name of names) process.emit(name, name);
  signals.post('SIGTERM');
  const heard: string[] = [];
  signals.subscribe((name) => void heard.push(name));
  expect(heard).toEqual([...names, 'SIGTERM']);
  await clock.advance(SAME_CTRL_C_MS);
  process.emit('SIGINT', 'SIGINT');
  signals.post('SIGHUP');
  expect(heard.slice(names.length + 1)).toEqual(['second-SIGINT', 'SIGHUP']);
});

test('copies of the first SIGINT are left out, the second one is given as such, once; the others as often as they come', async () => {
  const clock = new FakeClock();
  const signals = listen(clock);
  const heard: string[] = [];
  for (const name of names) process.emit(name, name);
  signals.subscribe((name) => void heard.push(name));
  await clock.advance(SAME_CTRL_C_MS - 1);
  for (const name of names) process.emit(name, name);
  expect(heard).toEqual([...names, ...names.filter((name) => name !== 'SIGINT')]);
  await clock.advance(1);
  for (let count = 0; count < 3; count += 1) process.emit('SIGINT', 'SIGINT');
  expect(heard.slice(2 * names.length - 1)).toEqual(['second-SIGINT']);
});

test('what comes while nobody listens any more is kept for the next one', () => {
  const signals = listen();
  const first: string[] = [];
  const second: string[] = [];
  const cancel = signals.subscribe((name) => void first.push(name));
  signals.post('SIGINT');
  cancel();
  process.emit('SIGTERM', 'SIGTERM');
  signals.post('SIGHUP');
  signals.subscribe((name) => void second.push(name));
  expect({ first, second }).toEqual({ first: ['SIGINT'], second: ['SIGTERM', 'SIGHUP'] });
});

test('the second INT resolves a promise, with or without a listener; a copy of the first does not', async () => {
  const clock = new FakeClock();
  const signals = listen(clock);
  let isResolved = false;
  void signals.secondInterrupt.then(() => (isResolved = true));
  for (const name of [...names, 'SIGTERM', 'SIGINT'] as const) process.emit(name, name);
  await new Promise(setImmediate);
  expect(isResolved).toBe(false);
  await clock.advance(SAME_CTRL_C_MS);
  process.emit('SIGINT', 'SIGINT');
  await signals.secondInterrupt;
});

test('a listener that was followed by another cancels nothing but itself', () => {
  const signals = listen();
  const heard: string[] = [];
  const cancel = signals.subscribe(() => {});
  signals.subscribe((name) => void heard.push(name));
  cancel();
  signals.post('SIGTERM');
  expect(heard).toEqual(['SIGTERM']);
});

test('what is posted while the early ones are given comes after them', () => {
  const signals = listen();
  signals.post('SIGINT');
  signals.post('SIGHUP');
  const heard: string[] = [];
  signals.subscribe((name) => {
    heard.push(name);
    if (name === 'SIGINT') signals.post('SIGTERM');
  });
  expect(heard).toEqual(['SIGINT', 'SIGHUP', 'SIGTERM']);
});

test('leaves the listeners of the process as they were', () => {
  const count = (): number[] => names.map((name) => process.listenerCount(name));
  const before = count();
  const signals = listenToSignals();
  expect(count()).toEqual(before.map((listeners) => listeners + 1));
  signals.close();
  expect(count()).toEqual(before);
  signals.close();
  expect(count()).toEqual(before);
});

test('real signals: kept, given in order, and given back', async () => {
  const program = startProgram('signals');
  await program.says(/up\n/);
  for (const name of ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGTTIN'] as const) {
    program.signal(name);
    await program.says(new RegExp(`came ${name}`));
  }
  program.signal('SIGUSR2');
  await program.says(/(heard SIG\w+\n){5}/);
  expect(program.output.match(/(?<=heard )\w+/g)).toEqual(['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGTTIN', 'SIGUSR2']);
  program.signal('SIGUSR1');
  await program.says(/heard SIGUSR1\nclosed/);
  program.signal('SIGTERM');
  expect(await program.exited).toEqual({ code: null, signal: 'SIGTERM' });
});
