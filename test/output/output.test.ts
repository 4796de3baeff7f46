import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HIGH_WATER_BYTES, Output, MAX_PENDING_BYTES } from '../../src/output/output.ts';
import { FakeClock } from '../fakes/clock.ts';
import { tempFolder } from '../harness/dyno.ts';
import { CountingClock, flagsOf, Pipe } from './pipe.ts';

const LINE = `${'x'.repeat(999)}\n`;
const notice = (count: number): string => `dropped ${count}\n`;
const line = (n: number): string => `line ${n} ${'x'.repeat(200)}\n`;

function outputTo(fd: number): { output: Output; clock: CountingClock } {
  const clock = new CountingClock();
  const output = new Output(fd, clock, notice);
  onTestFinished(async () => {
    await output.close(0); // usually the second call
    expect(clock.pending).toBe(0);
  });
  return { output, clock };
}

/** Fills the pipe and the buffer, and returns the number of accepted lines. */
function fill(output: Output): number {
  let kept = 0;
  while (output.write(line(kept))) kept += 1;
  return kept;
}

test('lines arrive at once and in order, and the shared flags are unchanged', async () => {
  const pipe = new Pipe();
  const { output, clock } = outputTo(pipe.fd);
  const flags = flagsOf(pipe.fd);
  for (let n = 0; n < 50; n += 1) expect(output.write(line(n))).toBe(true);
  expect(pipe.read()).toBe(Array.from({ length: 50 }, (_, n) => line(n)).join(''));
  expect(flagsOf(pipe.fd)).toBe(flags);
  expect(flags & constants.O_NONBLOCK).toBe(0);
  expect(clock.pending).toBe(0);
  await output.close(60_000);
});

test('a stalled reader blocks nothing; buffered lines follow later, and dropped lines are counted', async () => {
  const pipe = new Pipe();
  const { output } = outputTo(pipe.fd);
  const kept = fill(output);
  expect(kept * line(0).length).toBeLessThanOrEqual(MAX_PENDING_BYTES + 70_000);
  for (let n = 0; n < 41; n += 1) expect(output.write(line(n))).toBe(false);
  const all = await pipe.receives('dropped 42\n');
  expect(all).toBe(Array.from({ length: kept }, (_, n) => line(n)).join('') + notice(42));
});

test('the notice takes the place of the dropped lines', async () => {
  const pipe = new Pipe();
  const { output } = outputTo(pipe.fd);
  const kept = fill(output);
  await pipe.receives('line 50 ');
  await new Promise(setImmediate);
  let dropped = 0;
  while (!output.write('after\n')) {
    dropped += 1;
    pipe.read(5000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const closed = output.close(60_000);
  const all = await pipe.receives('after\n');
  await closed;
  const before = Array.from({ length: kept }, (_, n) => line(n)).join('');
  expect(all).toBe(`${before}${notice(dropped + 1)}after\n`);
});

test('lines of two writers on one pipe are never mixed', async () => {
  const pipe = new Pipe();
  const [first, second] = [outputTo(pipe.fd).output, outputTo(pipe.fd).output];
  const lines = (letter: string): Buffer => Buffer.from(`${letter.repeat(700)}\n`.repeat(80));
  const written = Promise.all(
    ['a', 'b', 'c'].flatMap((letter) => [
      first.writeFromChild(lines(letter)),
      second.writeFromChild(lines(letter.toUpperCase())),
    ]),
  );
  for (let n = 0; pipe.received.length < 6 * 80 * 701; n += 1) {
    pipe.read(1 + ((n * 7919) % 9000));
    await new Promise(setImmediate);
  }
  await written;
  const mixed = pipe.received
    .toString()
    .split('\n')
    .filter((text) => !/^(.)\1{699}$|^$/.test(text));
  expect(mixed).toEqual([]);
});

test('the lines of a child wait, and there is room for our own', async () => {
  const pipe = new Pipe();
  const { output } = outputTo(pipe.fd);
  let passed = 0;
  const child = (async () => {
    for (let n = 0; n < 8; n += 1) {
      await output.writeFromChild(Buffer.from(`${'c'.repeat(1_048_575)}\n`));
      passed += 1;
    }
  })();
  await new Promise(setImmediate);
  expect(passed).toBe(1);
  for (let n = 0; n < 50; n += 1) expect(output.write(LINE)).toBe(true);
  const reads = (async () => {
    while (passed < 8) {
      pipe.read();
      await new Promise(setImmediate);
    }
  })();
  await Promise.all([child, reads]);
  const closed = output.close(60_000);
  while (pipe.received.length < 8 * 1_048_576 + 50 * LINE.length) {
    pipe.read();
    await new Promise(setImmediate);
  }
  await closed;
  expect(pipe.received.toString().replaceAll(/c{1048575}\n/g, '')).toBe(LINE.repeat(50));
  expect(HIGH_WATER_BYTES).toBeLessThan(MAX_PENDING_BYTES);
});

test('after the reader has exited every write returns, and waiting writes are released', async () => {
  const pipe = new Pipe();
  const { output, clock } = outputTo(pipe.fd);
  fill(output);
  const held = output.writeFromChild(Buffer.from(LINE));
  pipe.closeReader();
  await held;
  expect(output.write(LINE)).toBe(false);
  await output.writeFromChild(Buffer.from(LINE));
  expect(clock.pending).toBe(0);
  await output.close(60_000);
});

test('close gives up on a stalled reader, and releases the timer and the descriptor', async () => {
  const pipe = new Pipe();
  const { output, clock } = outputTo(pipe.fd);
  fill(output);
  const held = output.writeFromChild(Buffer.from(LINE));
  const open = pipe.descriptors;
  await output.close(20);
  await held;
  expect(clock.pending).toBe(0);
  expect(output.write(LINE)).toBe(false);
  expect(pipe.descriptors).toBe(open - 1);
});

test('near the deadline the lines of children are dropped and counted in favour of our last line', async () => {
  const [pipe, clock] = [new Pipe(), new FakeClock()];
  const output = new Output(pipe.fd, clock, notice);
  const written = [0, 1, 2].map((n) => output.writeFromChild(Buffer.from(LINE.repeat(70 - n))));
  output.endChildOutput();
  await Promise.all(written);
  output.write('last\n');
  const closed = output.close(2000);
  await clock.advance(1400);
  pipe.read(4096); // a slow reader
  await clock.advance(200);
  pipe.read(4096);
  await clock.advance(400);
  await closed;
  pipe.read();
  const lines = pipe.received.toString().split('\n');
  const whole = lines.filter((text) => `${text}\n` === LINE).length;
  expect(lines.slice(whole)).toEqual([`dropped ${70 + 69 + 68 - whole}`, 'last', '']);
});

test('our last line is accepted with a full buffer, and arrives if the reader reads on in time', async () => {
  const pipe = new Pipe();
  const { output } = outputTo(pipe.fd);
  fill(output);
  output.endChildOutput();
  expect(output.write(`${'y'.repeat(400)} last\n`)).toBe(true);
  const closed = output.close(60_000);
  await pipe.receives('last\n');
  await closed;
});

test('a full disk neither ends nor blocks the output', async () => {
  const fd = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(fd));
  const { output } = outputTo(fd);
  for (let n = 0; n < 500; n += 1) output.write(LINE);
  await output.writeFromChild(Buffer.from(LINE.repeat(100)));
  await output.writeFromChild(Buffer.from(LINE.repeat(100)));
  await output.close(3_600_000);
});

test('close returns whether our last line was written', async () => {
  const [pipe, full, closed] = [new Pipe(), openSync('/dev/full', 'w'), new Pipe()];
  onTestFinished(() => closeSync(full));
  const [toPipe, toFull, toClosed] = [pipe.fd, full, closed.fd].map((fd) => outputTo(fd).output);
  closed.closeReader();
  for (const output of [toPipe, toFull, toClosed]) output?.write('last\n');
  expect(await toPipe?.close(60_000)).toBe(true);
  expect(await toFull?.close(60_000)).toBe(false);
  expect(await toClosed?.close(60_000)).toBe(false);
});

test('close returns false when a stalled reader did not get our last line', async () => {
  const pipe = new Pipe();
  const { output } = outputTo(pipe.fd);
  fill(output);
  expect(await output.close(20)).toBe(false);
  expect(await outputTo(pipe.fd).output.close(0)).toBe(true); // nothing was written
});

test('a disk that was full gets a notice with the number of dropped lines', async () => {
  const file = join(tempFolder(), 'log');
  const fd = openSync(file, 'a');
  const { output } = outputTo(fd);
  const redirect = (path: string): void => {
    closeSync(fd);
    expect(openSync(path, 'a')).toBe(fd);
  };
  output.write('one\n');
  redirect('/dev/full');
  for (let n = 0; n < 10; n += 1) output.write('lost\n');
  await output.writeFromChild(Buffer.from('lost\n'.repeat(5)));
  redirect(file);
  output.write('two\n');
  await output.close(60_000);
  expect(readFileSync(file, 'utf8')).toBe(`one\n${notice(15)}two\n`);
  closeSync(fd);
});
