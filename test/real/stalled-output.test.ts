import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { binary, tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { commandLine } from '../harness/processes.ts';
import { sidekiqProcesses } from './jobs.ts';
import { endOf, get, startInstance } from './instance.ts';

/** The platform gives one second more than the supervisor knows of, so that a busy machine does not fail the test. */
const [PLATFORM_S, SUPERVISE_STOP_TIMEOUT] = [7, '6'];
const env = { RUN_WORKER: 'true', RAILS_LOG_LEVEL: 'warn', SUPERVISE_STOP_TIMEOUT };

test('a FIFO without reader, full once all is ready: SIGTERM ends the dyno in time', async () => {
  const { file, fill } = fifo();
  const { dyno, redis, port } = await startInstance({ command: writingTo(file), env });
  await eventually(async () => expect(await get(port, '/health')).toMatchObject({ status: 200 }));
  await sidekiqProcesses(redis, 1);
  fill();
  await expectExitInTime(dyno);
});

test('a FIFO that is full from the start: SIGTERM ends the dyno in time', async () => {
  const { file, fill } = fifo();
  fill();
  const { dyno } = await startInstance({ command: writingTo(file), env });
  await eventually(() => expect(dyno.scan().map(commandLine).join('\n')).toContain('puma'));
  await expectExitInTime(dyno);
});

test('a socket without reader, filled by a child: SIGTERM ends the dyno in time', async () => {
  const { dyno, redis, port } = await startInstance({ env });
  dyno.child.stdout?.pause();
  await eventually(async () => expect(await get(port, '/health')).toMatchObject({ status: 200 }));
  await sidekiqProcesses(redis, 1);
  await floodUntilStalled(port);
  await expectExitInTime(dyno);
});

async function expectExitInTime(dyno: Dyno): Promise<void> {
  const signaledAtMs = performance.now();
  dyno.signal('SIGTERM');
  const { code, left } = await endOf(dyno);
  expect(performance.now() - signaledAtMs).toBeLessThan(PLATFORM_S * 1000);
  expect(left).toEqual([]);
  expect([0, 137]).toContain(code); // a child that is blocked in a write has to be killed
}

function writingTo(file: string): [string, ...string[]] {
  return ['bash', '-c', 'exec "$@" >"$0" 2>&1', file, process.execPath, binary, 'web'];
}

/** A FIFO with both ends open, so that writers do not block at open and do not get EPIPE. */
function fifo(): { file: string; fill: () => void } {
  const file = join(tempFolder(), 'output');
  execFileSync('mkfifo', [file]);
  const fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(fd));
  return { file, fill: () => [65_536, 4096, 1].forEach((size) => writeAll(fd, Buffer.alloc(size, '.'))) };
}

function writeAll(fd: number, chunk: Buffer): void {
  try {
    for (;;) writeSync(fd, chunk);
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
  }
}

/** Lets puma write until its writes block. */
async function floodUntilStalled(port: number): Promise<void> {
  const counts: string[] = [];
  await eventually(async () => {
    counts.push((await get(port, '/flood')).body);
    expect(Number(counts.at(-1))).toBeGreaterThan(0);
    expect(counts.slice(-30)).toEqual(Array.from({ length: 30 }, () => counts.at(-1)));
  });
}
