import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sendFloodCommand } from '../../../src/simulator/platform/perform-action.ts';
import { tempFolder, type Dyno } from '../../harness/dyno.ts';
import { eventually } from '../../harness/eventually.ts';
import { alive, processTable } from '../../harness/processes.ts';
import { freePort } from '../free-port.ts';
import { listening, standIn, standInWorker } from '../part.ts';

const MIB = 2 ** 20;
const linux = it.runIf(process.platform === 'linux');

linux.each(['puma', 'streaming'] as const)(
  '%s takes the memory that it is told to, and lets go of it',
  async (name) => {
    const folder = tempFolder();
    const env = { PORT: String(await freePort()), STAND_IN_CONTROL: folder, WEB_CONCURRENCY: '0' };
    const dyno = standIn(name, /^/).start([], env);
    await listening(dyno);
    const before = privateBytes(dyno.pid);
    expect(await eventually(() => told(folder, dyno.pid, `flood ${64 * MIB}`))).toBeNull();
    await eventually(() => expect(privateBytes(dyno.pid) - before).toBeGreaterThan(60 * MIB));
    expect(await sendFloodCommand(folder, dyno.pid, 'relieve')).toBeNull();
    await eventually(() => expect(privateBytes(dyno.pid) - before).toBeLessThan(20 * MIB));
    dyno.signal('SIGTERM');
    await dyno.exited;
    expect(readdirSync(folder)).toEqual([]);
  },
);

linux('what a stand-in holds by itself is there when it is up, and stays', async () => {
  const folder = tempFolder();
  const env = { STAND_IN_SIDEKIQ_MB: '64', STAND_IN_CONTROL: folder, STAND_IN_BOOT_MS: '100' };
  const dyno = await standInWorker().startBusy(0, [], env);
  expect(privateBytes(dyno.pid)).toBeGreaterThan(64 * MIB);
  expect(await sendFloodCommand(folder, dyno.pid, `flood ${8 * MIB}`)).toBeNull();
  expect(await sendFloodCommand(folder, dyno.pid, 'relieve')).toBeNull();
  await dyno.waitForOutput(/(INFO: done[^]*){20}/);
  expect(privateBytes(dyno.pid)).toBeGreaterThan(64 * MIB);
});

linux('a cluster of puma shares its memory out, and each of its processes takes commands', async () => {
  const folder = tempFolder();
  const env = { PORT: String(await freePort()), STAND_IN_CONTROL: folder, STAND_IN_PUMA_MB: '100' };
  const dyno = standIn('puma', /^/).start([], { ...env, WEB_CONCURRENCY: '1' });
  const [, worker = 0] = (await dyno.waitForOutput(/Worker 0 \(PID: (\d+)\) booted/)).map(Number);
  expect(privateBytes(dyno.pid)).toBeGreaterThan(80 * MIB);
  expect(privateBytes(worker)).toBeGreaterThan(55 * MIB);
  for (const pid of [dyno.pid, worker]) expect(await eventually(() => told(folder, pid, 'flood 1000'))).toBeNull();
});

linux('a job of sidekiq starts a program named convert that grows, and is done when that ends', async () => {
  const { dyno, folder } = await startSidekiq();
  expect(await sendFloodCommand(folder, dyno.pid, `convert ${256 * MIB}`)).toBeNull();
  const helper = await helperOf(dyno);
  await eventually(() => expect(privateBytes(helper)).toBeGreaterThan(16 * MIB));
  const [, jid = ''] = await dyno.waitForOutput(/class=PostProcessMediaWorker jid=(\w+).*INFO: start/);
  await dyno.waitForOutput(new RegExp(`jid=${jid}.*INFO: done`));
  expect(alive(helper)).toBe(false);
});

linux('a killed convert fails its job, which is tried again; sidekiq goes on', async () => {
  const { dyno, folder } = await startSidekiq({ STAND_IN_TIME_SCALE: '100' });
  expect(await sendFloodCommand(folder, dyno.pid, `convert ${4000 * MIB}`)).toBeNull();
  process.kill(await helperOf(dyno), 'SIGKILL');
  const [, jid = ''] = await dyno.waitForOutput(/jid=(\w+).*INFO: fail/);
  await dyno.waitForOutput(new RegExp(`WARN: .*${jid}[^]*WARN: RuntimeError: Command failed with SIGKILL.*convert`));
  await dyno.waitForOutput(new RegExp(`INFO: fail[^]*jid=${jid}.*INFO: start`));
  dyno.signal('SIGKILL');
  await dyno.gone();
});

linux('a convert that takes too long goes back to the queue', async () => {
  const { dyno, folder } = await startSidekiq();
  expect(await sendFloodCommand(folder, dyno.pid, `convert ${4000 * MIB}`)).toBeNull();
  await helperOf(dyno);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(dyno.output).toContain('Pushed 1 jobs back to Redis');
});

it('says why it cannot be done', async () => {
  const { dyno, folder } = await startSidekiq();
  const streaming = standIn('streaming', /^/).start([], { PORT: String(await freePort()), STAND_IN_CONTROL: folder });
  await listening(streaming);
  expect(await sendFloodCommand(folder, streaming.pid, 'convert 5')).toMatch(/knows flood, relieve, not convert/);
  expect(await sendFloodCommand(folder, dyno.pid, 'flood 0')).toMatch(/expected a number of bytes/);
  expect(await sendFloodCommand(folder, 1, 'relieve')).toBe(
    'process 1 accepts no commands: it is still booting, has exited, or is not a stand-in',
  );
});

it('reports a process that exits before it answers', async () => {
  const folder = tempFolder();
  const server = createServer((socket) => socket.destroy()).listen(join(folder, '7.sock'));
  onTestFinished(() => void server.close());
  expect(await eventually(() => told(folder, 7, 'relieve'))).toBe('process 7 exited before it answered');
});

async function startSidekiq(env: Record<string, string> = {}): Promise<{ dyno: Dyno; folder: string }> {
  const folder = tempFolder();
  const one = { STAND_IN_JOB_EVERY_MS: '600000', STAND_IN_CONTROL: folder };
  const dyno = await standInWorker().startBusy(0, ['-c', '2', '-t', '3'], { ...one, ...env });
  return { dyno, folder };
}

/** The answer, once the stand-in listens for commands. */
async function told(
  folder: string,
  pid: number,
  command: Parameters<typeof sendFloodCommand>[2],
): Promise<string | null> {
  const answer = await sendFloodCommand(folder, pid, command);
  if (answer?.includes('still boots') === true) throw new Error(answer);
  return answer;
}

/** The pid of the process whose program is called convert, as a guard of memory knows it. */
function helperOf(dyno: Dyno): Promise<number> {
  return eventually(() => {
    const [child] = processTable().filter(({ parent, zombie }) => parent === dyno.pid && !zombie);
    expect(basename(readlinkSync(`/proc/${child?.pid}/exe`))).toBe('convert');
    return child?.pid ?? 0;
  });
}

function privateBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Private_Dirty:\s+(\d+)/m.exec(text)?.[1]) * 1024;
}
