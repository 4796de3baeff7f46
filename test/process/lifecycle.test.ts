import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodes } from '../harness/nodes.ts';
import { eventually } from '../harness/eventually.ts';
import { freePort } from '../simulator/free-port.ts';
import { waitForBothChildren, events, lastLogMessage, startWeb, childCommand } from './dyno-fixture.ts';
import { binary, startDyno, tempFolder } from '../harness/dyno.ts';

describe.each(nodes)('on node $major', ({ path: node }) => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s: all exit by themselves, exit code 0', async (signal) => {
    const dyno = startWeb('', 'ready', { node });
    await waitForBothChildren(dyno);
    dyno.signal(signal);
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    await dyno.gone();
    expect(lastLogMessage(dyno)).toBe(`asked to stop by ${signal}; everything ended by itself; exit code 0`);
  });

  test.each([
    ['exit=0', 1, 'puma exited with code 0'],
    ['exit=1', 1, 'puma exited with code 1'],
    ['exit=42', 42, 'puma exited with code 42'],
    ['kill=SIGKILL', 137, 'puma was killed by SIGKILL (out of memory?)'],
    ['kill=SIGSEGV', 139, 'puma was killed by SIGSEGV'],
  ])('puma %s: sidekiq stops, exit code %i', async (options, code, reason) => {
    const dyno = startWeb(`${options} in=300`, 'ready', { node });
    expect(await dyno.exited).toEqual({ code, signal: null });
    await dyno.gone();
    expect(lastLogMessage(dyno)).toContain(reason);
    expect(lastLogMessage(dyno)).toContain(`stopped sidekiq; exit code ${code}`);
  });

  test('a child that ignores TERM is killed within the stop timeout', async () => {
    const dyno = startWeb('', 'term=ignore', { node, env: { SUPERVISE_STOP_TIMEOUT: '3' } });
    await waitForBothChildren(dyno);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 137, signal: null });
    await dyno.gone();
    expect(lastLogMessage(dyno)).toBe('asked to stop by SIGTERM; sidekiq had to be killed; exit code 137');
  });

  test('a second INT kills at once, a repeated TERM changes nothing', async () => {
    const dyno = startWeb('term=ignore', 'term=ignore', { node, env: { SUPERVISE_STOP_TIMEOUT: '600' } });
    await waitForBothChildren(dyno);
    dyno.signal('SIGTERM');
    await dyno.waitForOutput(/puma SIGTERM/);
    dyno.signal('SIGTERM');
    dyno.signal('SIGINT');
    await dyno.waitForOutput(/sidekiq SIGTERM/);
    await eventually(() => expect(events(dyno).at(-1)?.event).toBe('stopping')); // the child may print first
    await eventually(() => {
      if (dyno.child.exitCode === null) dyno.signal('SIGINT'); // counts as a copy of the first one for 0.5 s
      expect(dyno.child.exitCode).toBe(137);
    });
  });

  test('TERM to every process counts as a request to stop, whichever process exits first', async () => {
    const dyno = startWeb('term=signal', 'ready', { node });
    await waitForBothChildren(dyno);
    dyno.signalAll('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    await dyno.gone();
  });

  test('the children get TERM and exit when the supervisor is SIGKILLed', async () => {
    const dyno = startWeb('after=200', 'ready', { node });
    await waitForBothChildren(dyno);
    dyno.signal('SIGKILL');
    await dyno.waitForOutput(/puma SIGTERM/);
    await dyno.gone();
  });

  test('an exit while the other child is being stopped does not change the code', async () => {
    const dyno = startWeb('after=300 term=7', 'exit=9 in=200', { node });
    expect(await dyno.exited).toEqual({ code: 9, signal: null });
    await dyno.gone();
  });

  test('wrong settings, folder or command: reported, and nothing starts', async () => {
    const wrongSettings = startWeb('', '', { node, env: { PORT: 'x', SIDEKIQ_THREADS: '0' } });
    expect(await wrongSettings.exited).toEqual({ code: 78, signal: null });
    expect(wrongSettings.output).toMatch(/SIDEKIQ_THREADS="0": expected .*\n.*PORT="x": expected/);
    const wrongFolder = startDyno({ node, args: ['web'] });
    expect(await wrongFolder.exited).toEqual({ code: 78, signal: null });
    expect(wrongFolder.output).toContain('no config/puma.rb');
    const missingCommand = startWeb('', '', { node, env: { SIDEKIQ_COMMAND: 'no-such-command' } });
    expect(await missingCommand.exited).toEqual({ code: 127, signal: null });
    expect(missingCommand.output).not.toContain('puma up');
    const notExecutable = startWeb('', '', { node, env: { SIDEKIQ_COMMAND: '/etc/passwd' } });
    expect(await notExecutable.exited).toEqual({ code: 126, signal: null });
    const wrongUsage = startDyno({ node, args: ['wep'] });
    expect(await wrongUsage.exited).toEqual({ code: 64, signal: null });
  });
});

test('the exit code is 128 + the number of any signal that ends a child', async () => {
  const harmless = ['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'];
  const names = Object.keys(constants.signals).filter((name) => !harmless.includes(name)) as NodeJS.Signals[];
  expect(names).toContain('SIGKILL');
  const codes = names.map(async (name) => {
    const command = `sh -c 'kill -${constants.signals[name]} $$'`;
    const { code } = await startDyno({ args: ['web'], env: { PUMA_COMMAND: command } }).exited;
    return [name, code];
  });
  expect(await Promise.all(codes)).toEqual(names.map((name) => [name, 128 + constants.signals[name]]));
});

test('each log event is a line of JSON with its fields', async () => {
  const dyno = startWeb('', 'ready');
  await waitForBothChildren(dyno); // before puma handles TERM, it dies of it
  await dyno.waitForOutput(/sidekiq is ready/);
  dyno.signal('SIGTERM');
  await dyno.exited;
  expect(events(dyno).map(({ event, child }) => [event, child])).toEqual(
    expect.arrayContaining([
      ['plan', undefined],
      ['started', 'puma'],
      ['started', 'sidekiq'],
      ['ready', 'sidekiq'],
      ['stopping', undefined],
      ['exited', 'puma'],
      ['exited', 'sidekiq'],
      ['outcome', undefined],
    ]),
  );
  const ended = events(dyno).find(({ event, child }) => event === 'exited' && child === 'puma');
  expect(ended).toMatchObject({ level: 'info', status: { kind: 'exited', code: 0 } });
  expect(events(dyno).at(-1)).toMatchObject({ event: 'outcome', code: 0 });
});

test('TTIN is forwarded to sidekiq, USR2 to puma', async () => {
  const port = await freePort();
  const dyno = startWeb(`listen=${port}`, 'ready', { env: { PORT: `${port}` } });
  await dyno.waitForOutput(/puma is ready after/);
  await dyno.waitForOutput(/sidekiq is ready after/);
  dyno.signal('SIGTTIN');
  dyno.signal('SIGUSR2');
  await dyno.waitForOutput(/sidekiq SIGTTIN/);
  await dyno.waitForOutput(/puma SIGUSR2/);
  expect(dyno.output).not.toMatch(/puma SIGTTIN|sidekiq SIGUSR2/);
});

test('a stopped (SIGSTOP) child is continued to handle TERM', async () => {
  const dyno = startWeb();
  await waitForBothChildren(dyno);
  const [, pid] = await dyno.waitForOutput(/sidekiq up (\d+)/);
  process.kill(Number(pid), 'SIGSTOP');
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
});

test('repeated TERM until the exit changes nothing', async () => {
  for (const { path: node } of nodes) {
    const dyno = startWeb('exit=3 in=200', 'after=50', { node });
    await dyno.waitForOutput(/stopping sidekiq/);
    const storm = setInterval(() => dyno.child.kill('SIGTERM'), 1);
    const end = await dyno.exited;
    clearInterval(storm);
    expect(end).toEqual({ code: 3, signal: null });
  }
});

test('a deleted working folder is reported', async () => {
  const dyno = startDyno({
    command: ['sh', '-c', `mkdir gone; cd gone; rmdir ../gone; exec ${process.execPath} ${binary} web`],
  });
  expect(await dyno.exited).toEqual({ code: 78, signal: null });
  expect(dyno.output).toContain('the working folder has been deleted');
});

test('processes that the supervisor killed are named', async () => {
  const dyno = startWeb('term=ignore daemon=ignore', 'ready', { env: { SUPERVISE_STOP_TIMEOUT: '3' } });
  const [, daemon] = await dyno.waitForOutput(/daemon (\d+)/);
  await waitForBothChildren(dyno);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 137, signal: null });
  expect(dyno.output).toMatch(new RegExp(`\\(pid ${String(daemon)}\\) outlived the children and was killed`));
  expect(dyno.output).toContain('puma was killed by the supervisor');
});

test('USR2 is not forwarded to a puma that is not ready yet', async () => {
  const dyno = startWeb('', '', { env: { RUN_WORKER: '' } });
  await dyno.waitForOutput(/puma up/);
  dyno.signal('SIGUSR2');
  await dyno.waitForOutput(/no process accepts SIGUSR2/);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
});

test('USR2 is not forwarded to a puma without a handler, which would die of it', async () => {
  const port = await freePort();
  const script = `use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => ${port}, Listen => 5, ReuseAddr => 1);
    while (my $c = $s->accept) { <$c>; print $c "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n" }`;
  const env = { RUN_WORKER: '', PORT: `${port}`, PUMA_COMMAND: `perl -e '${script}'` };
  const dyno = startWeb('', '', { env });
  await dyno.waitForOutput(/puma is ready/);
  dyno.signal('SIGUSR2');
  await dyno.waitForOutput(/no process accepts SIGUSR2|puma was killed by SIGUSR2/);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(dyno.output).toMatch(/no process accepts SIGUSR2/);
});

/** A puma that re-executes itself on USR1 and then stays as Ruby is at first: without a title, and with a handler for USR2 that dies of
 * it. */
const REEXECUTES = `$SIG{USR2} = sub { $SIG{USR2} = 'DEFAULT'; kill 'USR2', $$ };
  syswrite STDOUT, "reexecuted\n" and sleep 60 if $ENV{REEXECUTED};
  $SIG{USR1} = sub { $ENV{REEXECUTED} = 1; exec $^X, $script };
  $0 = 'puma 8.0.0 (tcp://[::]) [app]';
  while (1) { my $c = $s->accept or next; <$c>; print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }`;

test('USR2 is not forwarded to a puma that had a title and has none now, whatever its handler', async () => {
  const port = await freePort();
  const file = join(tempFolder(), 'puma.pl');
  const listening = `my $s = $ENV{REEXECUTED} ? undef : IO::Socket::INET->new(LocalPort => ${port}, Listen => 5, ReuseAddr => 1);`;
  writeFileSync(file, `use IO::Socket::INET; my $script = '${file}'; ${listening} ${REEXECUTES}`);
  const dyno = startWeb('', '', { env: { RUN_WORKER: '', PORT: `${port}`, PUMA_COMMAND: `perl ${file}` } });
  await dyno.waitForOutput(/puma is ready/);
  dyno.signal('SIGUSR1');
  await dyno.waitForOutput(/^reexecuted$/m);
  dyno.signal('SIGUSR2');
  await dyno.waitForOutput(/no process accepts SIGUSR2|puma was killed by SIGUSR2/);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(dyno.output).toMatch(/no process accepts SIGUSR2/);
});

test('sidekiq starts after puma responds', async () => {
  const port = await freePort();
  const dyno = startWeb(`listen=${port}`, 'ready', { env: { SUPERVISE_START_TIMEOUT: '', PORT: `${port}` } });
  await dyno.waitForOutput(/sidekiq is ready/);
  const order = events(dyno).filter(({ event }) => event === 'ready' || event === 'started');
  expect(order.map(({ event, child }) => `${String(child)} ${String(event)}`)).toEqual([
    'puma started',
    'puma ready',
    'sidekiq started',
    'sidekiq ready',
  ]);
});

test('streaming that exits with 0 unexpectedly counts as crashed', async () => {
  const dyno = startDyno({
    args: ['web'],
    env: { RUN_STREAMING: 'true', STREAMING_COMMAND: childCommand('streaming', 'exit=0') },
  });
  expect(await dyno.exited).toEqual({ code: 1, signal: null });
  expect(lastLogMessage(dyno)).toMatch(/^streaming exited with code 0 .* after it started; exit code 1$/);
});
