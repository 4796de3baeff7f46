import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { binary, startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { freePort } from '../simulator/free-port.ts';
import { waitForBothChildren, events, startWeb, childCommand } from './dyno-fixture.ts';

test('the children inherit stdout unchanged: a pipe stays blocking for them', async () => {
  const folder = tempFolder();
  const flags = join(folder, 'flags');
  const child = `sh -c 'cat /proc/$$/fdinfo/1 > ${flags}; exit 3'`;
  const command = `${process.execPath} ${binary} web | cat`;
  const dyno = startDyno({ command: ['bash', '-c', `set -o pipefail; ${command}`], env: { PUMA_COMMAND: child } });
  expect(await dyno.exited).toEqual({ code: 3, signal: null });
  expect(flagsIn(flags) & constants.O_NONBLOCK).toBe(0);
});

/** Responds to HTTP, in Perl: Node makes the pipe non-blocking itself. */
const HTTP_SERVER = `use IO::Socket::INET; my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1);
while (my $client = $server->accept) { <$client>; print $client "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n" }`;

test('it stays blocking after connections of the supervisor have ended, such as readiness checks of puma', async () => {
  const cwd = tempFolder();
  writeFileSync(join(cwd, 'puma.pl'), HTTP_SERVER);
  const env = { PORT: String(await freePort()), PUMA_COMMAND: 'perl puma.pl' };
  const dyno = startDyno({ command: ['bash', '-c', `exec ${process.execPath} ${binary} web > >(cat) 2>&1`], env, cwd });
  await dyno.waitForOutput(/puma is ready/);
  const puma = Number(events(dyno).find(({ event }) => event === 'started')?.pid);
  for (const fd of [1, 2]) expect(flagsIn(`/proc/${puma}/fdinfo/${fd}`) & constants.O_NONBLOCK).toBe(0);
});

test('a reader that stalls from the first byte: TERM still ends the dyno within the stop timeout', async () => {
  const folder = tempFolder();
  const fifo = join(folder, 'fifo');
  await execa('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY);
  await execa('dd', ['if=/dev/zero', `of=${fifo}`, 'bs=4096', 'count=16', 'oflag=nonblock', 'conv=notrunc']);
  const dyno = startDyno({
    args: ['web'],
    cwd: folder,
    env: { PUMA_COMMAND: `sh -c 'echo $$ > up; exec sleep 1000'`, SUPERVISE_STOP_TIMEOUT: '3' },
    stdio: ['ignore', writer, 'ignore'],
  });
  await eventually(() => expect(readFileSync(join(folder, 'up'), 'utf8')).not.toBe(''));
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  closeSync(reader);
  closeSync(writer);
});

test('a socket without a reader: TERM still ends the dyno, and no process is left', async () => {
  const dyno = startWeb('lines=20000', 'ready', { env: { SUPERVISE_STOP_TIMEOUT: '4' } });
  dyno.child.stdout?.pause();
  await eventually(() => expect(dyno.scan().length).toBeGreaterThanOrEqual(3));
  dyno.child.stdout?.removeAllListeners('data').pause();
  dyno.signal('SIGTERM');
  const ended = new Promise((resolve) => dyno.child.once('exit', resolve));
  expect([0, 137, 143]).toContain(await ended);
  await dyno.gone();
});

test('a reader that has exited does not end the dyno', async () => {
  const dyno = startWeb('', 'ready');
  await waitForBothChildren(dyno);
  dyno.child.stdout?.destroy();
  dyno.signal('SIGTTIN');
  dyno.signal('SIGTERM');
  const ended = new Promise((resolve) => dyno.child.once('exit', resolve));
  expect(await ended).toBe(0);
});

test('with a prefix: every line is whole and in order, and a last line without newline is kept', async () => {
  const long = 'ü'.repeat(200_000);
  const script = `for i in $(seq 1 2000); do echo "line $i é"; done; echo $LONG; echo oops >&2; printf "last words"; exit 3`;
  const dyno = startDyno({
    args: ['web'],
    env: { PUMA_COMMAND: `bash -c '${script}'`, LONG: long.slice(0, 60_000), SUPERVISE_LOG_PREFIX: 'true' },
  });
  expect(await dyno.exited).toEqual({ code: 3, signal: null });
  const lines = dyno.output.split('\n').filter((line) => line.startsWith('puma | '));
  const numbered = lines.filter((line) => line.includes('line '));
  expect(numbered).toEqual(Array.from({ length: 2000 }, (_, index) => `puma | line ${index + 1} é`));
  expect(lines).toContain(`puma | ${long.slice(0, 60_000)}`);
  expect(lines).toContain('puma | oops');
  expect(lines).toContain('puma | last words');
});

test('with a prefix and a reader that stalls: the child waits, then all lines arrive', async () => {
  const folder = tempFolder();
  const fifo = join(folder, 'fifo');
  await execa('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY);
  const dyno = startDyno({
    args: ['web'],
    env: { PUMA_COMMAND: childCommand('puma', 'lines=50000'), SUPERVISE_LOG_PREFIX: 'true' },
    stdio: ['ignore', writer, 'ignore'],
  });
  closeSync(writer);
  const text: string[] = [];
  const buffer = Buffer.alloc(65_536);
  await eventually(() => {
    for (let read = tryRead(reader, buffer); read > 0; read = tryRead(reader, buffer)) {
      text.push(buffer.toString('latin1', 0, read));
    }
    expect(text.join('')).toContain('puma | puma up');
  });
  const numbers = [...text.join('').matchAll(/puma \| line (\d+)\n/g)].map((match) => Number(match[1]));
  expect(numbers).toEqual(Array.from({ length: 50_000 }, (_, index) => index + 1));
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  closeSync(reader);
});

/** Reads 8 kB fifty times a second. received: the text so far. */
type SlowReader = { stdout: number | 'pipe'; begin(dyno: Dyno): void; received(): string };

async function slowPipe(): Promise<SlowReader> {
  const fifo = join(tempFolder(), 'fifo');
  await execa('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY);
  const buffer = Buffer.alloc(8192);
  let text = '';
  const read = (): void => void (text += buffer.toString('latin1', 0, tryRead(reader, buffer)));
  const begin = (): void => {
    closeSync(writer);
    const reading = setInterval(read, 20);
    onTestFinished(() => clearInterval(reading));
    onTestFinished(() => closeSync(reader));
  };
  return { stdout: writer, begin, received: () => text };
}

function slowSocket(): Promise<SlowReader> {
  let text = '';
  const begin = ({ child }: Dyno): void => {
    const stdout = child.stdout?.removeAllListeners('data').pause();
    const reading = setInterval(() => (text += String(stdout?.read() ?? '')), 20);
    onTestFinished(() => clearInterval(reading));
    child.once('exit', () => stdout?.on('data', (rest) => (text += String(rest)))); // Node reads the rest now, with or without a listener
  };
  return Promise.resolve({ stdout: 'pipe', begin, received: () => text });
}

test.each([
  ['a pipe', slowPipe],
  ['a socket', slowSocket],
])(
  'with a prefix and a reader of %s that is too slow for a flood: our last line comes last, in time',
  async (_, open) => {
    const reader = await open();
    const flood = 'trap "" TERM; yes "a line of a flood"';
    const dyno = startDyno({
      args: ['web'],
      env: { PUMA_COMMAND: `sh -c '${flood}'`, SUPERVISE_LOG_PREFIX: 'true', SUPERVISE_STOP_TIMEOUT: '3' },
      stdio: ['ignore', reader.stdout, 'ignore'],
    });
    reader.begin(dyno);
    const exited = new Promise((resolve) => dyno.child.once('exit', (code) => resolve(code)));
    await eventually(() => expect(reader.received()).toContain('puma | a line of a flood'));
    dyno.signal('SIGTERM');
    expect(await exited).toBe(137);
    await eventually(() =>
      expect(reader.received().trimEnd().split('\n').at(-1)).toMatch(/"event":"outcome".*exit code 137"/),
    );
  },
);

test('a full disk under stdout does not end the dyno', async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [binary, 'web'], {
    env: { PATH: process.env.PATH, PUMA_COMMAND: `sh -c 'exit 4'` },
    cwd: tempFolder(),
    stdio: ['ignore', full, 'ignore'],
  });
  closeSync(full);
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(4);
});

test.each([
  ['a full disk', 'a socket', 'exec "$@" > /dev/full'],
  ['a full disk', 'a pipe', `exec "$@" > /dev/full 2> >(exec cat >&2)`],
  ['a pipe whose reader has exited', 'a socket', 'exec "$@" > >(exec true)'],
  ['a socket whose reader has exited', 'a socket', null],
])('the last line that cannot go to stdout, %s, goes to stderr, %s', async (_, __, redirect) => {
  const cwd = tempFolder();
  const command = [process.execPath, binary, 'web'] as const;
  // The child exits when the test says so: by then the reader of stdout has exited.
  const env = { PUMA_COMMAND: `sh -c 'until test -e left; do sleep 0.02; done; exit 4'` };
  const dyno = startDyno({
    cwd,
    env,
    command: redirect === null ? command : ['bash', '-c', redirect, 'bash', ...command],
  });
  let stderr = '';
  dyno.child.stderr?.on('data', (text: string) => (stderr += text));
  if (redirect === null) dyno.child.stdout?.destroy();
  await eventually(() => expect(dyno.scan().length).toBeGreaterThanOrEqual(2));
  writeFileSync(join(cwd, 'left'), '');
  expect(await new Promise((resolve) => dyno.child.once('exit', resolve))).toBe(4);
  await eventually(() => expect(stderr).toMatch(/^\{.*"event":"outcome".*exit code 4"\}\n$/), 5000);
});

test('the last line that goes to stdout does not go to stderr as well', async () => {
  const dyno = startWeb('exit=4', '', { env: { RUN_WORKER: '' } });
  let stderr = '';
  dyno.child.stderr?.on('data', (text: string) => (stderr += text));
  expect(await dyno.exited).toEqual({ code: 4, signal: null });
  expect(stderr).toBe('');
});

test('levels and the pretty format', async () => {
  const quiet = startWeb('exit=3', '', { env: { RUN_WORKER: '', SUPERVISE_LOG_LEVEL: 'error' } });
  await quiet.exited;
  expect(events(quiet).map(({ event }) => event)).toEqual(['outcome']);
  const pretty = startWeb('exit=3', '', { env: { RUN_WORKER: '', SUPERVISE_LOG_FORMAT: 'pretty' } });
  await pretty.exited;
  expect(pretty.output).toMatch(/\d\d:\d\d:\d\d supervise.*puma exited with code 3 .*; exit code 3/);
});

function tryRead(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch {
    return 0;
  }
}

function flagsIn(fdinfo: string): number {
  return parseInt(/flags:\s+(\d+)/.exec(readFileSync(fdinfo, 'utf8'))?.[1] ?? '', 8);
}
