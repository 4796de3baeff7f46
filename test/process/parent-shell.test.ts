import { expect, onTestFinished, test, vi } from 'vitest';
import { isWaitingShell, readParent, whenParentShellEnds } from '../../src/process/runtime.ts';
import { eventually } from '../harness/eventually.ts';
import { commandLine, processTable } from '../harness/processes.ts';
import { startProgram } from './program.ts';

test.each([
  ['/bin/sh', '-c', 'mstdn-supervise web'],
  ['sh', '-c', 'mstdn-supervise web'],
  ['-sh', '-c', 'mstdn-supervise web'],
  ['/bin/dash', '-c', 'mstdn-supervise web', 'name'],
  ['bash', '-lc', 'mstdn-supervise web'],
  ['bash', '--login', '-c', 'mstdn-supervise web'],
  ['bash', '-l', '-c', 'mstdn-supervise web'],
  ['bash', '-ec', 'mstdn-supervise web'],
  ['-bash', '-c', 'cd /app && mstdn-supervise web'],
  ['zsh', '-c', 'mstdn-supervise web 2>&1'],
  ['ksh', '-c', 'mstdn-supervise web >&2'],
  ['/bin/ash', '-c', 'mstdn-supervise web &> log'],
  ['/bin/sh', '-c', 'true && mstdn-supervise web; echo $?'],
])('%s %s %s waits for us', (...words) => {
  expect(isWaitingShell(words)).toBe(true);
});

test.each([
  [],
  ['/bin/sh'],
  ['/bin/sh', '-c'],
  ['-bash'],
  ['bash', '-i'],
  ['/bin/sh', 'start.sh', 'now'],
  ['/bin/sh', '-e', 'start.sh', '-c', 'mstdn-supervise web'],
  ['/bin/sh', '-c', 'mstdn-supervise web &'],
  ['/bin/sh', '-c', 'mstdn-supervise web & wait'],
  ['/bin/sh', '-c', '(mstdn-supervise web &) && true'],
  ['/bin/sh', '-c', 'mstdn-supervise web&'],
  ['/bin/fish', '-c', 'mstdn-supervise web'],
  ['/bin/crash', '-c', 'mstdn-supervise web'],
  ['node', '-c', 'mstdn-supervise web'],
  ['foreman', 'start', 'web'],
  ['tini', '--', 'mstdn-supervise', 'web'],
])('%s %s %s does not', (...words) => {
  expect(isWaitingShell(words)).toBe(false);
});

/** `; :` prevents the shell from replacing itself with the command. */
const waitingScript = `"$@"; :`;

test('calls back once when the shell that waited for us is killed', async () => {
  const program = startProgram('parent-shell', { through: ['/bin/sh', '-c', waitingScript, 'sh'] });
  await program.waitForOutput(/up/);
  program.signal('SIGKILL');
  await program.waitForOutput(/shell ended/);
});

test('keeps no process alive, and can be cancelled', async () => {
  const program = startProgram('parent-shell', { args: ['cancel'], through: ['/bin/sh', '-c', waitingScript, 'sh'] });
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.output).toBe('up\n');
});

test('calls back at once when the shell exited before the first check', () => {
  const parent = { pid: process.ppid + 1, command: ['/bin/sh', '-c', 'mstdn-supervise web'] };
  const ended = vi.fn();
  whenParentShellEnds(parent, ended)();
  expect(ended).toHaveBeenCalledOnce();
});

test('does nothing if the parent is not a shell', () => {
  const timers = vi.spyOn(globalThis, 'setInterval');
  onTestFinished(() => timers.mockRestore());
  whenParentShellEnds(readParent(), () => {})();
  expect(timers).not.toHaveBeenCalled();
});

test('the shell of this test stays as the parent', async () => {
  const program = startProgram('parent-shell', { through: ['/bin/sh', '-c', waitingScript, 'sh'] });
  await program.waitForOutput(/up/);
  const child = await eventually(() => {
    const found = processTable().find(({ parent }) => parent === program.pid);
    if (!found) throw new Error('no child of the shell');
    return found;
  });
  expect(commandLine(program.pid)).toMatch(/^\/bin\/sh -c/);
  expect(commandLine(child.pid)).toContain('parent-shell.mjs');
});
