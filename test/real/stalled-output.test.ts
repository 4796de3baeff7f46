import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { binary, tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { commandLine } from '../harness/processes.ts';
import { sidekiqProcesses } from './jobs.ts';
import { endOf, get, startInstance } from './instance.ts';

/** What the platform gives is a second more than the supervisor is told of: what is left must not depend on how busy this machine is. */
const [PLATFORM_S, SUPERVISE_STOP_TIMEOUT] = [7, '6'];
const env = { RUN_WORKER: 'true', RAILS_LOG_LEVEL: 'warn', SUPERVISE_STOP_TIMEOUT };

test('a FIFO that nobody reads, full once all is up: TERM ends the dyno inside the budget', async () => {
  const { file, fill } = fifo();
  const { dyno, redis, port } = await startInstance({ command: writingTo(file), env });
  await eventually(async () => expect(await get(port, '/health')).toMatchObject({ status: 200 }));
  await sidekiqProcesses(redis, 1);
  fill();
  await expectEndInBudget(dyno);
});

test('a FIFO that is full from the start: TERM ends the dyno inside the budget', async () => {
  const { file, fill } = fifo();
  fill();
  const { dyno } = await startInstance({ command: writingTo(file), env });
  await eventually(() => expect(dyno.look().map(commandLine).join('\n')).toContain('puma'));
  await expectEndInBudget(dyno);
});

test('a socket that nobody reads, filled by a child: TERM ends the dyno inside the budget', async () => {
  const { dyno, redis, port } = await startInstance({ env });
  dyno.child.stdout?.pause();
  await eventually(async () => expect(await get(port, '/health')).toMatchObject({ status: 200 }));
  await sidekiqProcesses(redis, 1);
  await stalled(port);
  await expectEndInBudget(dyno);
});

async function expectEndInBudget(dyno: Dyno): Promise<void> {
  const askedAt = performance.now();
  dyno.signal('SIGTERM');
  const { code, left } = await endOf(dyno);
  expect(performance.now() - askedAt).toBeLessThan(PLATFORM_S * 1000);
  expect(left).toEqual([]);
  expect([0, 137]).toContain(code); // a child that waits for its own line to be taken has to be killed
}

function writingTo(file: string): [string, ...string[]] {
  return ['bash', '-c', 'exec "$@" >"$0" 2>&1', file, process.execPath, binary, 'web'];
}

/** A FIFO with both ends open, so that its writers neither wait for a reader nor lose the only one. */
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

/** Lets puma write until nothing is taken any more. */
async function stalled(port: number): Promise<void> {
  const counts: string[] = [];
  await eventually(async () => {
    counts.push((await get(port, '/flood')).body);
    expect(Number(counts.at(-1))).toBeGreaterThan(0);
    expect(counts.slice(-30)).toEqual(Array.from({ length: 30 }, () => counts.at(-1)));
  });
}
