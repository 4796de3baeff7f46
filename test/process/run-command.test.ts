import { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { toExitCode } from '../../src/exit-status.ts';
import type { Process } from '../../src/host.ts';
import { runCommand } from '../../src/process/run-command.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { environment, processTable } from '../harness/processes.ts';
import { startProgram } from './program.ts';

async function start(command: readonly [string, ...string[]], folder = tempFolder()): Promise<Process> {
  const env = { PATH: process.env.PATH, ONLY: 'this' };
  const child = await runCommand(command, { env, folder });
  onTestFinished(async () => {
    child.signal('SIGKILL');
    await child.exited;
  });
  return child;
}

test('returns exit codes', async () => {
  for (const code of [0, 1, 2, 78, 126, 127, 128, 143, 255]) {
    expect(await (await start(['sh', '-c', `exit ${code}`])).exited).toEqual({ kind: 'exited', code });
  }
});

test('a signal is sent, and is the status if the command dies of it', async () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL', 'SIGUSR1'] as const) {
    const child = await start(['sleep', '1000']);
    child.signal(signal);
    expect(await child.exited).toEqual({ kind: 'signaled', signal });
    expect(() => child.signal(signal)).not.toThrow();
  }
});

test('waits for a command that handles the signal', async () => {
  const folder = tempFolder();
  const handles = `$SIG{TERM} = sub { exit 9 }; open F, ">", "up"; close F; sleep 1000 while 1`;
  const child = await start(['perl', '-e', handles], folder);
  await eventually(() => writeFileSync(join(folder, 'up'), '', { flag: 'r+' }));
  child.signal('SIGTERM');
  expect(await child.exited).toEqual({ kind: 'exited', code: 9 });
});

test.each([
  ['missing', ['no-such-command'], 127],
  ['missing, by path', ['./no-such-command'], 127],
  ['not executable', ['./plain'], 126],
  ['with a NUL', ['true', 'a\0b'], 126],
  ['too long', ['true', 'x'.repeat(200_000)], 126],
] as [string, [string, ...string[]], number][])('a command that is %s is a status', async (_, command, code) => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'plain'), '');
  const child = await start(command, folder);
  const status = await child.exited;
  expect({ pid: child.pid, kind: status.kind }).toEqual({ pid: null, kind: 'not-started' });
  expect(toExitCode(status)).toBe(code);
  expect(() => child.signal('SIGTERM')).not.toThrow();
});

/** As in spawn.test.ts; execa returns a ChildProcess without a pid too. */
test.each(['no-such-command', '/'.repeat(5000)])('a command that did not start is not signalled', async (command) => {
  const kill = vi.spyOn(ChildProcess.prototype, 'kill').mockReturnValue(false);
  onTestFinished(() => kill.mockRestore());
  const child = await runCommand([command], { env: {}, folder: '/' });
  child.signal('SIGTERM');
  await child.exited;
  child.signal('SIGTERM');
  expect(kill).not.toHaveBeenCalled();
});

test('a missing folder is a status', async () => {
  const child = await start(['true'], '/no/such/folder');
  expect((await child.exited).kind).toBe('not-started');
});

test('the command has a session of its own, and only the given environment', async () => {
  const child = await start(['sleep', '1000']);
  const row = processTable().find(({ pid }) => pid === child.pid);
  expect(row).toMatchObject({ pid: child.pid, parent: process.pid, session: child.pid });
  await eventually(() => {
    const env = environment(child.pid ?? NaN).filter(Boolean); // it is empty during an exec
    expect(env.sort()).toEqual([`ONLY=this`, `PATH=${process.env.PATH}`]);
  });
});

test('the command writes to our output directly', async () => {
  const program = startProgram('one-shot', { args: ['sh', '-c', 'printf "one\\ntwo"; printf three >&2; exit 5'] });
  expect(await program.exited).toEqual({ code: 5, signal: null });
  expect(program.output).toContain('one\ntwo');
  expect(program.output).toContain('three');
  expect(program.output).toHaveLength('one\ntwothree'.length);
});
