import { ChildProcess } from 'node:child_process';
import { readlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { toExitCode } from '../../src/exit-status.ts';
import { spawnChild, type SpawnOptions } from '../../src/host/child.ts';
import type { Process } from '../../src/host/host.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { startProgram } from './program.ts';

function start(command: readonly [string, ...string[]], more: Partial<SpawnOptions> = {}): Process {
  const child = spawnChild(command, { env: process.env, folder: tempFolder(), output: 'inherit', ...more });
  onTestFinished(async () => {
    child.signal('SIGKILL');
    await child.exited;
  });
  return child;
}

async function outputOf(command: readonly [string, ...string[]]): Promise<string> {
  let output: Promise<string> = Promise.resolve('');
  start(command, { output: ({ stdout }) => void (output = stdout ? text(stdout) : output) });
  return output;
}

/** What ends a process that does nothing about it; the rest stop it, continue it, or pass by. */
const passing = ['SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGWINCH'];
const aliases = ['SIGIOT', 'SIGPOLL', 'SIGUNUSED'];
const fatal = (Object.keys(constants.signals) as NodeJS.Signals[]).filter(
  (name) => !passing.includes(name) && !aliases.includes(name),
);

test('every exit code', async () => {
  const codes = Array.from({ length: 256 }, (_, code) => code);
  const ends = await Promise.all(codes.map((code) => start(['sh', '-c', `exit ${code}`]).exited));
  expect(ends).toEqual(codes.map((code) => ({ kind: 'exited', code })));
});

test('every signal that ends a process', async () => {
  expect(fatal.length).toBeGreaterThan(20);
  const children = fatal.map((name) => ({ name, child: start(['sleep', '1000']) }));
  for (const { name, child } of children) child.signal(name);
  const ends = await Promise.all(children.map(({ child }) => child.exited));
  expect(ends).toEqual(fatal.map((signal) => ({ kind: 'signaled', signal })));
});

test('a signal goes to the child alone, and may be handled', async () => {
  const script = `trap 'kill -0 $other && exit 7' TERM; sleep 1000 & other=$!; echo up; wait; kill $other`;
  let stdout: NodeJS.ReadableStream | null = null;
  const child = start(['sh', '-c', `${script}; wait`], { output: (started) => void (stdout = started.stdout) });
  onTestFinished(() => void process.kill(-(child.pid ?? NaN), 'SIGKILL'));
  await new Promise((resolve) => stdout?.once('data', resolve));
  child.signal('SIGTERM');
  expect(await child.exited).toEqual({ kind: 'exited', code: 7 });
});

const long = 'x'.repeat(300);
test.each([
  ['a command that is not there', ['no-such-command'], 127],
  ['a path that is not there', ['./no-such-command'], 127],
  ['an interpreter that is not there', ['./no-interpreter'], 127],
  ['a file that is not executable', ['./plain'], 126],
  ['a folder', ['./'], 126],
  ['a file taken for a folder', ['./plain/command'], 126],
  ['a name that is too long', [`./${long}`], 126],
  ['no name', [''], 126],
  ['an argument that is too long', ['true', 'x'.repeat(200_000)], 126],
  ['arguments that are too long together', ['true', ...Array<string>(60).fill('x'.repeat(120_000))], 126],
  ['a NUL in the name', ['tr\0ue'], 126],
  ['a NUL in an argument', ['true', 'a\0b'], 126],
] as [string, [string, ...string[]], number][])('%s is a status, not an exception', async (_, command, code) => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'plain'), '');
  writeFileSync(join(folder, 'no-interpreter'), '#!/no/such/interpreter\n', { mode: 0o755 });
  for (const output of ['inherit', () => {}] as const) {
    const child = start(command, { folder, output });
    const status = await child.exited;
    expect(child.pid).toBeNull();
    expect(status.kind).toBe('not-started');
    expect(toExitCode(status)).toBe(code);
    expect(() => child.signal('SIGTERM')).not.toThrow();
  }
});

test('a folder that is not there, a NUL in the environment, are statuses too', async () => {
  const folder = join(tempFolder(), 'gone');
  expect((await start(['true'], { folder }).exited).kind).toBe('not-started');
  expect((await start(['true'], { env: { PATH: process.env.PATH, A: 'b\0c' } }).exited).kind).toBe('not-started');
});

/** Node knows no pid then, and would signal 0, our own group, or whatever was in that memory. */
test('a signal to what did not start goes to nobody, from the first moment on', async () => {
  const kill = vi.spyOn(ChildProcess.prototype, 'kill').mockReturnValue(false);
  onTestFinished(() => kill.mockRestore());
  const child = spawnChild(['no-such-command'], { env: process.env, folder: '/', output: 'inherit' });
  child.signal('SIGTERM');
  await child.exited;
  child.signal('SIGTERM');
  expect(kill).not.toHaveBeenCalled();
});

test('how it ended can be asked late and often; a signal then does nothing', async () => {
  const child = start(['sh', '-c', 'exit 3']);
  await eventually(() => expect(alive(child.pid ?? NaN)).toBe(false));
  expect(await child.exited).toEqual({ kind: 'exited', code: 3 });
  for (const name of ['SIGTERM', 'SIGKILL', 'SIGCONT'] as const) expect(() => child.signal(name)).not.toThrow();
  expect(await child.exited).toEqual({ kind: 'exited', code: 3 });
});

test('the end is told though a grandchild keeps the pipe open', async () => {
  const child = start(['sh', '-c', 'sleep 1000 & exit 4'], { output: ({ stdout }) => void stdout?.resume() });
  onTestFinished(() => void process.kill(-(child.pid ?? NaN), 'SIGKILL'));
  expect(await child.exited).toEqual({ kind: 'exited', code: 4 });
});

test('it leads a session and a group of its own, in its folder, with nothing to read', async () => {
  const stat = await outputOf(['cat', '/proc/self/stat']);
  const [pid, , , , group, session] = stat.split(' ');
  expect([group, session]).toEqual([pid, pid]);
  expect(await outputOf(['readlink', '/proc/self/fd/0'])).toBe('/dev/null\n');
  expect(await outputOf(['pwd'])).toContain('test-');
});

test('its stdout and stderr are our very own', () => {
  const child = start(['sleep', '1000']);
  for (const fd of [1, 2]) {
    expect(readlinkSync(`/proc/${child.pid}/fd/${fd}`)).toBe(readlinkSync(`/proc/self/fd/${fd}`));
  }
});

test('it ignores and blocks nothing, whatever we were started with', async () => {
  const trap = `trap '' TERM INT HUP USR1 PIPE QUIT; exec "$@"`;
  const args = ['grep', '-E', '^Sig(Ign|Blk)', '/proc/self/status'];
  const program = startProgram('child', { through: ['sh', '-c', trap, 'sh'], args });
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.output.match(/[0-9a-f]{16}/g)).toEqual(['0'.repeat(16), '0'.repeat(16)]);
});
