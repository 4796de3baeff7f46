import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openWriter } from '../../src/output/writer.ts';
import { type Dyno, tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { commandLine, processTable } from '../harness/processes.ts';
import { startProgram } from '../process/program.ts';

const LINES = Array.from({ length: 300 }, (_, n) => `line ${n} é\n`).join('');

/** A flag of the descriptor, not of the open file: each process has its own. */
const O_CLOEXEC = 0o2000000;

/** The pid of the relay of the program's stdout. Its stderr has another relay. */
async function relayOf(program: Dyno): Promise<number> {
  const isRelay = (pid: number): boolean => commandLine(pid) === 'cat' && stdoutOf(pid) === stdoutOf(program.pid);
  return eventually(() => {
    const cat = processTable().find(({ pid, parent, zombie }) => parent === program.pid && !zombie && isRelay(pid));
    if (!cat) throw new Error('no relay yet');
    return cat.pid;
  });
}

function stdoutOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/fd/1`);
}

function ourChildren(): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function flagsIn(pid: number): number {
  const flags = parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/1`, 'utf8'))?.[1] ?? '', 8);
  return flags & ~O_CLOEXEC;
}

/** Bash provides a pipe, `script` a terminal, and the 'pipe' of Node is a socket. */
const bash = (line: string): readonly [string, ...string[]] => ['bash', '-c', line, 'bash'];
test.each<[string, readonly [string, ...string[]] | undefined]>([
  ['a socket', undefined],
  ['a pipe', bash('"$@" | cat')],
  ['a pipe for both', bash('"$@" 2>&1 | cat')],
  ['a terminal', bash('script -qefc "$*" /dev/null < /dev/null')],
  ['a file', bash('"$@" > out; cat out')],
  ['an appended file', bash('echo first > out; "$@" >> out; sed 1d out')],
])('all lines written to %s arrive in order', async (_, through) => {
  const program = startProgram('output', { args: ['300', '60000', 'once'], ...(through ? { through } : {}) });
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.output.replaceAll('\r', '').replace('written 300\n', '')).toBe(`${LINES}last\n`);
});

test.each([
  ['/dev/null', 'w'],
  ['/dev/full', 'w'],
])('writing to %s causes no error', async (file, mode) => {
  const fd = openSync(file, mode);
  onTestFinished(() => closeSync(fd));
  const program = startProgram('output', { stdio: ['ignore', fd, 'pipe'] });
  await program.waitForOutput(/written 10/);
  program.signal('SIGUSR2');
  expect(await program.exited).toEqual({ code: 0, signal: null });
});

test('a regular file is written directly, without a relay or another descriptor', () => {
  const file = join(tempFolder(), 'log');
  const fd = openSync(file, 'w');
  const writer = openWriter(fd);
  expect(writer.write(Buffer.from('one\n'))).toBe(4);
  closeSync(fd);
  expect(readFileSync(file, 'utf8')).toBe('one\n');
  expect(() => writer.write(Buffer.from('two\n'))).toThrow('EBADF');
});

test('the flags of a socket are unchanged for children', async () => {
  const plain = spawn('sleep', ['1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void plain.kill('SIGKILL'));
  const program = startProgram('output');
  await program.waitForOutput(/tick/);
  expect(flagsIn(program.pid)).toBe(flagsIn(plain.pid ?? NaN));
  expect(flagsIn(await relayOf(program))).toBe(flagsIn(program.pid));
});

test('the relay survives signals to the whole dyno, and exits with us', async () => {
  const program = startProgram('output');
  const relay = await relayOf(program);
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(relay, name);
  const ticks = program.output.split('tick').length;
  await program.waitForOutput(new RegExp(`(tick\\n){${ticks + 3}}`));
  expect(await relayOf(program)).toBe(relay);
  program.signal('SIGKILL');
  await program.gone();
});

test('no bytes are given to a relay before it ignores signals', async () => {
  const sink = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void sink.kill('SIGKILL'));
  let received = '';
  sink.stdout.setEncoding('utf8').on('data', (text: string) => (received += text));
  const { fd } = (sink.stdin as unknown as { _handle: { fd: number } })._handle;
  const rounds = Array.from({ length: 20 }, (_, round) => `round ${round}\n`);
  for (const line of rounds) {
    const before = ourChildren();
    const writer = openWriter(fd);
    const isWritten = writer.write(Buffer.from(line)) > 0;
    for (const pid of ourChildren()) if (!before.includes(pid)) process.kill(pid, 'SIGTERM');
    await eventually(() => expect(isWritten || writer.write(Buffer.from(line)) > 0).toBe(true));
    await writer.finish(new AbortController().signal);
  }
  await eventually(() => expect(received).toBe(rounds.join('')), 5000);
});

test('a relay that is killed is replaced', async () => {
  const program = startProgram('output');
  await program.waitForOutput(/written 10\n/); // comes through the relay of stderr, in no fixed order with stdout
  const first = await relayOf(program);
  process.kill(first, 'SIGKILL');
  const second = await eventually(async () => {
    const relay = await relayOf(program);
    expect(relay).not.toBe(first);
    return relay;
  });
  const ticks = program.output.split('tick').length;
  await eventually(() => expect(program.output.split('tick').length).toBeGreaterThan(ticks + 3));
  expect(second).not.toBe(first);
  program.signal('SIGUSR2');
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.output).toMatch(/last\n$/);
});

test('a stalled reader of a socket: the event loop runs on, close gives up, and no relay is left', async () => {
  const program = startProgram('output', { args: ['100000', '50'] });
  program.child.stdout?.pause();
  const [, kept = ''] = await program.waitForOutput(/written (\d+)/);
  expect(Number(kept)).toBeLessThan(100_000);
  program.signal('SIGUSR2');
  const exited = new Promise((resolve) => program.child.once('exit', (code) => resolve(code)));
  expect(await exited).toBe(0);
  await program.gone();
});

test('a closed reader of a socket: the program runs on, and no relay is left', async () => {
  const program = startProgram('output');
  await program.waitForOutput(/tick/);
  const relay = await relayOf(program);
  program.child.stdout?.destroy();
  await eventually(() => expect(processTable().some(({ pid, zombie }) => pid === relay && !zombie)).toBe(false));
  program.signal('SIGUSR2');
  expect(await program.exited).toEqual({ code: 0, signal: null });
  await program.gone();
});
