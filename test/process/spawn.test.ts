import { ChildProcess, execFileSync } from 'node:child_process';
import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { toExitCode } from '../../src/exit-status.ts';
import type { Process } from '../../src/host.ts';
import { platformWarnings } from '../../src/linux/read-machine.ts';
import { pdeathsigPrefix, spawnChild, type SpawnOptions } from '../../src/process/spawn.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { startProgram } from './program.ts';
import { ProcessScenario } from './process-scenario.ts';

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

/** The signals that end a process without a handler. The others stop or continue it, or are ignored. */
const nonFatal = ['SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGWINCH'];
const aliases = ['SIGIOT', 'SIGPOLL', 'SIGUNUSED'];
const fatal = (Object.keys(constants.signals) as NodeJS.Signals[]).filter(
  (name) => !nonFatal.includes(name) && !aliases.includes(name),
);

test('returns every exit code', async () => {
  const codes = Array.from({ length: 256 }, (_, code) => code);
  const ends = await Promise.all(codes.map((code) => start(['sh', '-c', `exit ${code}`]).exited));
  expect(ends).toEqual(codes.map((code) => ({ kind: 'exited', code })));
});

test('returns every signal that ends a process', async () => {
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
  ['a missing path', ['./no-such-command'], 127],
  ['a missing interpreter', ['./no-interpreter'], 127],
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

test('a missing folder and a NUL in the environment are statuses too', async () => {
  const folder = join(tempFolder(), 'gone');
  expect((await start(['true'], { folder }).exited).kind).toBe('not-started');
  expect((await start(['true'], { env: { PATH: process.env.PATH, A: 'b\0c' } }).exited).kind).toBe('not-started');
});

/** Without a pid Node would signal pid 0, our own group, or a pid from uninitialized memory. */
test('a command that did not start is never signalled', async () => {
  const kill = vi.spyOn(ChildProcess.prototype, 'kill').mockReturnValue(false);
  onTestFinished(() => kill.mockRestore());
  const child = spawnChild(['no-such-command'], { env: process.env, folder: '/', output: 'inherit' });
  child.signal('SIGTERM');
  await child.exited;
  child.signal('SIGTERM');
  expect(kill).not.toHaveBeenCalled();
});

test('the status can be awaited late and often, and a signal then does nothing', async () => {
  const child = start(['sh', '-c', 'exit 3']);
  await eventually(() => expect(alive(child.pid ?? NaN)).toBe(false));
  expect(await child.exited).toEqual({ kind: 'exited', code: 3 });
  for (const name of ['SIGTERM', 'SIGKILL', 'SIGCONT'] as const) expect(() => child.signal(name)).not.toThrow();
  expect(await child.exited).toEqual({ kind: 'exited', code: 3 });
});

test('the exit is reported although a grandchild keeps the pipe open', async () => {
  const child = start(['sh', '-c', 'sleep 1000 & exit 4'], { output: ({ stdout }) => void stdout?.resume() });
  onTestFinished(() => void process.kill(-(child.pid ?? NaN), 'SIGKILL'));
  expect(await child.exited).toEqual({ kind: 'exited', code: 4 });
});

test('a child leads its own session and group, in its folder, with an empty stdin', async () => {
  const stat = await outputOf(['cat', '/proc/self/stat']);
  const [pid, , , , group, session] = stat.split(' ');
  expect([group, session]).toEqual([pid, pid]);
  expect(await outputOf(['readlink', '/proc/self/fd/0'])).toBe('/dev/null\n');
  expect(await outputOf(['pwd'])).toContain('test-');
});

test('a child inherits our stdout and stderr', () => {
  const child = start(['sleep', '1000']);
  for (const fd of [1, 2]) {
    expect(readlinkSync(`/proc/${child.pid}/fd/${fd}`)).toBe(readlinkSync(`/proc/self/fd/${fd}`));
  }
});

test('a child ignores and blocks no signal, even if we were started so', async () => {
  const trap = `trap '' TERM INT HUP USR1 PIPE QUIT; exec "$@"`;
  const args = ['grep', '-E', '^Sig(Ign|Blk)', '/proc/self/status'];
  const program = startProgram('child', { through: ['sh', '-c', trap, 'sh'], args });
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.output.match(/[0-9a-f]{16}/g)).toEqual(['0'.repeat(16), '0'.repeat(16)]);
});

function folderWith(name: string, text: string, mode = 0o755): string {
  const folder = tempFolder();
  writeFileSync(join(folder, name), text, { mode });
  return folder;
}

const supporting = '#!/bin/sh\n# --pdeathsig\n';
const unsupporting = '#!/bin/sh\necho "setpriv: unrecognized option" >&2\nexit 1\n';

test('pdeathsigPrefix runs setpriv by its path', () => {
  const path = execFileSync('sh', ['-c', 'command -v setpriv'], { encoding: 'utf8' }).trim();
  expect(pdeathsigPrefix(process.env.PATH)).toEqual([path, '--pdeathsig', 'TERM', '--']);
});

test('pdeathsigPrefix is empty without a setpriv that supports it', () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'setpriv'));
  for (const path of [
    tempFolder(),
    folder,
    folderWith('setpriv', unsupporting),
    folderWith('setpriv', supporting, 0o644),
    '/no',
  ]) {
    expect(pdeathsigPrefix(path)).toEqual([]);
  }
});

test('pdeathsigPrefix uses the first setpriv on PATH, which is the one that would run', () => {
  const [good, bad] = [folderWith('setpriv', supporting), folderWith('setpriv', unsupporting)];
  expect(pdeathsigPrefix([bad, good].join(delimiter))).toEqual([]);
  expect(pdeathsigPrefix([good, bad].join(delimiter))[0]).toBe(join(good, 'setpriv'));
});

test('a child gets TERM when its parent is SIGKILLed', async () => {
  const scenario = new ProcessScenario();
  const perl = `$SIG{TERM} = sub { open F, ">", "termed"; exit }; open P, ">", "child.pid"; print P $$; close P; sleep 1000 while 1`;
  const parent = scenario.start(`${pdeathsigPrefix(process.env.PATH).join(' ')} perl -e '${perl}'; :`);
  const pid = await scenario.pid('child', `perl -e ${perl}`);
  parent.signal('SIGKILL');
  await scenario.gone(pid);
  expect(scenario.has('termed')).toBe(true);
});

test('platformWarnings names a missing setpriv with the remedy', () => {
  expect(platformWarnings(pdeathsigPrefix(process.env.PATH).length > 0)).toEqual([]);
  expect(platformWarnings(pdeathsigPrefix(folderWith('setpriv', unsupporting)).length > 0)).toEqual([
    expect.stringMatching(/setpriv.*SIGKILL.*util-linux/),
  ]);
});
