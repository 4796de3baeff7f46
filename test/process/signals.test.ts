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

test('signals that arrive before the listener are delivered to it once, in order', async () => {
  const clock = new FakeClock();
  const signals = listen(clock);
  for (const name of names) process.emit(name, name);
  signals.post('SIGTERM');
  const received: string[] = [];
  signals.subscribe((name) => void received.push(name));
  expect(received).toEqual([...names, 'SIGTERM']);
  await clock.advance(SAME_CTRL_C_MS);
  process.emit('SIGINT', 'SIGINT');
  signals.post('SIGHUP');
  expect(received.slice(names.length + 1)).toEqual(['second-SIGINT', 'SIGHUP']);
});

test('copies of the first SIGINT are dropped and the second is delivered once; other signals are always delivered', async () => {
  const clock = new FakeClock();
  const signals = listen(clock);
  const received: string[] = [];
  for (const name of names) process.emit(name, name);
  signals.subscribe((name) => void received.push(name));
  await clock.advance(SAME_CTRL_C_MS - 1);
  for (const name of names) process.emit(name, name);
  expect(received).toEqual([...names, ...names.filter((name) => name !== 'SIGINT')]);
  await clock.advance(1);
  for (let count = 0; count < 3; count += 1) process.emit('SIGINT', 'SIGINT');
  expect(received.slice(2 * names.length - 1)).toEqual(['second-SIGINT']);
});

test('signals without a listener are queued for the next one', () => {
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

test('the second INT resolves secondInterrupt even without a listener; a copy of the first does not', async () => {
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

test('cancelling a replaced listener does not cancel its successor', () => {
  const signals = listen();
  const received: string[] = [];
  const cancel = signals.subscribe(() => {});
  signals.subscribe((name) => void received.push(name));
  cancel();
  signals.post('SIGTERM');
  expect(received).toEqual(['SIGTERM']);
});

test('a signal that is posted during delivery comes after the queued ones', () => {
  const signals = listen();
  signals.post('SIGINT');
  signals.post('SIGHUP');
  const received: string[] = [];
  signals.subscribe((name) => {
    received.push(name);
    if (name === 'SIGINT') signals.post('SIGTERM');
  });
  expect(received).toEqual(['SIGINT', 'SIGHUP', 'SIGTERM']);
});

test('close restores the listeners of the process', () => {
  const count = (): number[] => names.map((name) => process.listenerCount(name));
  const before = count();
  const signals = listenToSignals();
  expect(count()).toEqual(before.map((listeners) => listeners + 1));
  signals.close();
  expect(count()).toEqual(before);
  signals.close();
  expect(count()).toEqual(before);
});

test('real signals are queued, delivered in order, and restored', async () => {
  const program = startProgram('signals');
  await program.waitForOutput(/up\n/);
  for (const name of ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGTTIN'] as const) {
    program.signal(name);
    await program.waitForOutput(new RegExp(`received ${name}`));
  }
  program.signal('SIGUSR2');
  await program.waitForOutput(/(handled SIG\w+\n){5}/);
  expect(program.output.match(/(?<=handled )\w+/g)).toEqual(['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGTTIN', 'SIGUSR2']);
  program.signal('SIGUSR1');
  await program.waitForOutput(/handled SIGUSR1\nclosed/);
  program.signal('SIGTERM');
  expect(await program.exited).toEqual({ code: null, signal: 'SIGTERM' });
});
