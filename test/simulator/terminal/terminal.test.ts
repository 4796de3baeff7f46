import { buildSync } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startDyno, tempFolder, type Dyno } from '../../harness/dyno.ts';
import { eventually } from '../../harness/eventually.ts';

const STATUS = ' web.1 up  puma 180 sidekiq 120  =312/512M 61% · 0 open · 0 streams · ? keys';
const FIRST = '2026-01-02T12:00:00.000000+00:00 app[web.1]: the first line red';
const SHELL = 'bash --norc --noprofile -i';

describe('on a terminal', () => {
  it('shows the log, below it a line that stays, and does what the keys say', async () => {
    const { dyno, events, type } = await startInTerminal();
    await eventually(() => expect(screenOf(dyno)).toEqual([FIRST, STATUS]));
    type('d');
    await eventually(() => {
      expect(screenOf(dyno)).toEqual([FIRST, expect.stringMatching(/app\[web\.1\]: a line of web\.1$/), lineOf(dyno)]);
      expect(lineOf(dyno)).toMatch(/^ Done as asked · web\.1 up/);
    });
    type('r');
    await eventually(() => expect(dyno.output).toContain('\x1b[1;31m No: it rests\x1b[0m'));
    type('u');
    await eventually(() => expect(lineOf(dyno)).toBe(' Quota of each dyno? Now 512M > '));
    type('1G\r');
    type('c');
    await eventually(() => expect(lineOf(dyno)).toBe(' Crash which? 1 supervisor  2 puma  3 sidekiq'));
    type('\x1b[A');
    await eventually(() => expect(lineOf(dyno)).not.toContain('Crash'));
    type('c2');
    type('\r');
    type('p');
    await eventually(() => expect(screenOf(dyno)).toContain('The page: http://localhost:5007'));
    type('q');
    await dyno.exited;
    expect(events().filter((event) => 'type' in event)).toEqual([
      { type: 'deploy' },
      { type: 'restart', dyno: 'web.1' },
      { type: 'quota', bytes: 2 ** 30 },
      { type: 'kill', pid: 102, signal: 'SIGKILL' },
    ]);
    expect(events()).toContainEqual({ closed: true });
  });

  it('says what came of an action for a few seconds only', async () => {
    const { dyno, type } = await startInTerminal();
    type('d');
    await eventually(() => expect(lineOf(dyno)).toMatch(/^ Done as asked/));
    await eventually(() => expect(lineOf(dyno)).toBe(STATUS));
  });

  it.each([
    ['at the end', 'q', 0],
    ['when it ends at once', '\x03\x03', 9],
    ['when we fall', 'x', 1],
  ])('gives the terminal back as it was %s', async (_, keys, code) => {
    const { dyno, type, modes, mode } = await startInTerminal({ mode: keys.length > 1 ? 'linger' : '' });
    await dyno.waitForOutput(/keys/);
    expect(mode()).toMatch(/-icanon.* -echo /s);
    type(keys);
    await dyno.exited;
    expect(modes()).toEqual({ before: modes().before, after: modes().before, code: String(code) });
    expect(modes().before).toMatch(/(?<!-)icanon.* echo /s);
    expect(dyno.output.lastIndexOf('\x1b[?2004l')).toBeGreaterThan(dyno.output.lastIndexOf('\x1b[?2004h'));
    expect(screenOf(dyno).filter((line) => line.includes('web.1 up'))).toEqual([]);
  });

  it('asks for a second Ctrl-C to end at once', async () => {
    const { dyno, events, type } = await startInTerminal({ mode: 'linger' });
    type('\x03');
    await eventually(() => expect(lineOf(dyno)).toMatch(/^ Stopping gracefully; press Ctrl-C again to kill · web\.1/));
    expect(events()).not.toContainEqual({ atOnce: true });
    type('q\x03');
    await dyno.exited;
    expect(events().filter((event) => 'quit' in event || 'atOnce' in event)).toEqual([
      { quit: true },
      { atOnce: true },
    ]);
  });

  it('has the last lines in the log, and nothing of the line that stayed', async () => {
    const { dyno, type } = await startInTerminal();
    type('d');
    await dyno.waitForOutput(/a line of web/);
    type('q');
    await dyno.exited;
    expect(screenOf(dyno).map((line) => line.slice(line.indexOf(' app')))).toEqual([
      ' app[web.1]: the first line red',
      ' app[web.1]: a line of web.1',
      ' app[web.1]: last words',
      '',
    ]);
  });

  it('fits the line to a terminal that changes its size', async () => {
    const { dyno, resize } = await startInTerminal();
    await eventually(() => expect(lineOf(dyno)).toBe(STATUS));
    resize(49);
    await eventually(() => expect(lineOf(dyno)).toBe(' web.1 up  puma 180 sidekiq 120  61% · ?'));
    resize(20);
    await eventually(() => expect(lineOf(dyno)).toBe(' web.1 up 61%'));
    resize(100);
    await eventually(() => expect(lineOf(dyno)).toBe(STATUS));
    expect(screenOf(dyno)).toEqual([FIRST, STATUS]);
  });

  it('drops lines for a slow reader and counts them', async () => {
    const { dyno, events, type } = await startInTerminal();
    await dyno.waitForOutput(/keys/);
    dyno.child.stdout?.pause();
    type('ss'); // in one: who writes for it may wait for the reader after the first
    await eventually(() => expect(events().filter((event) => 'flooded' in event)).toHaveLength(2));
    await livesOn(events);
    dyno.child.stdout?.resume();
    const kept = (): string[] => screenOf(dyno).filter((line) => /line \d+ of many, x{60}$/.test(line));
    await eventually(() => expect(kept().length + missingIn(dyno.output.replaceAll('\r', ''))).toBe(20_000));
    expect(missingIn(dyno.output.replaceAll('\r', ''))).toBeGreaterThan(0);
    expect(kept().length).toBeGreaterThan(1000);
    await eventually(() => expect(lineOf(dyno)).toBe(STATUS));
  });

  it('neither takes keys nor draws a line where it is not asked to, but prints', async () => {
    const { dyno, events, type, mode } = await startInTerminal({ env: { TERM: 'dumb' } });
    await dyno.waitForOutput(/the first line red/);
    type('q\r');
    await livesOn(events);
    expect(events()).not.toContainEqual({ quit: true });
    expect(mode()).toMatch(/(?<!-)icanon/);
    expect(dyno.output).not.toContain('\x1b');
    dyno.signal('SIGTERM');
  });

  it('has no colours with NO_COLOR, not even those of a process', async () => {
    const { dyno } = await startInTerminal({ env: { NO_COLOR: '1' } });
    await eventually(() => expect(lineOf(dyno)).toBe(STATUS));
    expect(dyno.output).not.toMatch(new RegExp(String.raw`\x1b\[[\d;]*m`));
  });
});

describe('as a job of a shell', () => {
  it.each<[string, (typed: InTerminal) => void]>([
    ['Ctrl-Z', ({ type }) => type('\x1a')],
    ['TSTP from outside', ({ events }) => process.kill(pidOf(events()), 'SIGTSTP')],
    ['STOP from outside', ({ events }) => process.kill(pidOf(events()), 'SIGSTOP')],
  ])('stops on %s with the terminal as the shell wants it, and goes on where it was', async (_, stop) => {
    const terminal = await startInTerminal({ shell: true });
    const { dyno, events, type, mode } = terminal;
    await dyno.waitForOutput(/keys/);
    stop(terminal);
    await dyno.waitForOutput(/Stopped/);
    await eventually(() => expect(mode()).toMatch(/(?<!-)isig/));
    const count = events().length;
    type('echo still "there"\r');
    await dyno.waitForOutput(/still there/);
    expect(events()).toHaveLength(count);
    type('fg\r');
    await livesOn(events);
    await eventually(() => expect(lineOf(dyno)).toBe(STATUS));
    expect(mode()).toMatch(/-icanon/);
    type('q');
    await leaves(terminal);
  });

  it('runs on in the background without the terminal, and takes it when it is let', async () => {
    const terminal = await startInTerminal({ shell: true, background: true });
    const { dyno, events, type, mode } = terminal;
    await dyno.waitForOutput(/the first line/);
    await livesOn(events);
    type('echo "typed" for the shell\r');
    await dyno.waitForOutput(/typed for the shell/);
    expect(dyno.output).not.toContain('? keys');
    type('fg\r');
    await dyno.waitForOutput(/\? keys/);
    expect(mode()).toMatch(/-icanon/);
    type('q');
    await leaves(terminal);
  });

  it('continues when its job is orphaned', async () => {
    const { dyno, events, type } = await startInTerminal();
    await dyno.waitForOutput(/keys/);
    type('\x1a');
    await livesOn(events);
    await eventually(() => expect(lineOf(dyno)).toBe(STATUS));
    type('q');
    await dyno.exited;
  });
});

describe('not on a terminal', () => {
  it('prints plain lines, and reads nothing', async () => {
    const { dyno, events } = startPlainly();
    await eventually(() => expect(dyno.output).toBe(`${FIRST}\n`));
    dyno.child.stdin?.write('q\x03\x03');
    await livesOn(events);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    expect(events()).not.toContainEqual({ quit: true });
    expect(dyno.output).toBe(`${FIRST}\n`);
  });

  it('drops lines for a slow reader and counts them', async () => {
    const { dyno, events } = startPlainly();
    await dyno.waitForOutput(/the first line/);
    dyno.child.stdout?.pause();
    dyno.signal('SIGUSR2');
    await eventually(() => expect(events()).toContainEqual({ flooded: true }));
    await livesOn(events);
    dyno.child.stdout?.resume();
    const kept = (): string[] => dyno.output.split('\n').filter((line) => line.includes(' of many'));
    await eventually(() => expect(kept().length + missingIn(dyno.output)).toBe(10_000));
    expect(missingIn(dyno.output)).toBeGreaterThan(0);
  });

  it('goes on when its reader has gone', async () => {
    const { dyno, events } = startPlainly();
    await dyno.waitForOutput(/the first line/);
    dyno.child.stdout?.destroy();
    dyno.signal('SIGUSR2');
    await eventually(() => expect(events()).toContainEqual({ flooded: true }));
    await livesOn(events);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
  });

  it('has colours where they are asked for', async () => {
    const { dyno } = startPlainly({ FORCE_COLOR: '1' });
    await dyno.waitForOutput(new RegExp(String.raw`\x1b\[31mred\x1b\[0m`));
    expect(dyno.output).not.toContain('\x1b[2J');
  });
});

type Event = Record<string, unknown>;
type Started = { dyno: Dyno; events: () => Event[] };
type InTerminal = Started & {
  type: (keys: string) => void;
  resize: (columns: number) => void;
  /** What `stty -a` says now. */
  mode: () => string;
  /** What it said before and after, and how the program ended. */
  modes: () => Record<string, string>;
};
type HowToStart = { mode?: string; env?: Record<string, string>; shell?: boolean; background?: boolean };

/** The program on a terminal of 100 columns, between two looks at the terminal's mode, or as a job of an interactive shell. */
async function startInTerminal({ mode = '', env = {}, shell, background }: HowToStart = {}): Promise<InTerminal> {
  const folder = tempFolder();
  const { command, file, events } = program(mode);
  const look = (name: string): string => `stty -a > ${folder}/${name}`;
  const around = `stty cols 100; ${look('before')}; ${command}; echo $? > ${folder}/code; ${look('after')}`;
  const dyno = startDyno({
    command: ['script', '-qec', shell === true ? SHELL : around, '/dev/null'],
    env: { FILE: file, TERM: 'xterm-256color', ...env },
    stdio: 'pipe',
  });
  const type = (keys: string): void => void dyno.child.stdin?.write(keys);
  if (shell === true) {
    await dyno.waitForOutput(/[$#] $/);
    type(`stty cols 100; ${command} ${background === true ? '&' : ''}\r`);
  }
  const tty = await eventually(() => terminalOf(events(), dyno));
  const stty = (...words: string[]): string => execFileSync('stty', ['-F', tty, ...words], { encoding: 'utf8' });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
  return {
    dyno,
    events,
    type,
    resize: (columns) => void stty('cols', String(columns)),
    mode: () => stty('-a'),
    modes: () => Object.fromEntries(['before', 'after', 'code'].map((name) => [name, read(name)])),
  };
}

function startPlainly(env: Record<string, string> = {}): Started {
  const { words, events } = program('');
  return { dyno: startDyno({ command: words, stdio: 'pipe', env }), events };
}

type Program = { words: [string, ...string[]]; command: string; file: string; events: () => Event[] };

function program(mode: string): Program {
  const folder = tempFolder();
  const [outfile, file] = [join(folder, 'terminal.mjs'), join(folder, 'events')];
  const entryPoints = [fileURLToPath(new URL('./terminal-program.ts', import.meta.url))];
  buildSync({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  const words: [string, ...string[]] = [process.execPath, outfile, file, mode];
  return { words, command: words.join(' '), file, events: () => eventsIn(file) };
}

function eventsIn(file: string): Event[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Event);
  } catch {
    return [];
  }
}

function pidOf(events: readonly Event[]): number {
  return Number(events.find((event) => 'pid' in event)?.pid);
}

/** The program ends, and then its shell. */
async function leaves({ dyno, events, type, mode }: InTerminal): Promise<void> {
  await eventually(() => expect(events()).toContainEqual({ closed: true }));
  await eventually(() => expect(mode()).toMatch(/(?<!-)isig/));
  type('exit\r');
  await dyno.exited;
}

/** Two more beats from now on. */
async function livesOn(events: () => Event[]): Promise<void> {
  const beats = (): number => events().filter((event) => 'alive' in event).length;
  const before = beats();
  await eventually(() => expect(beats()).toBeGreaterThan(before + 1));
}

function terminalOf(events: readonly Event[], dyno: Dyno): string {
  const begun = events.find((event) => 'tty' in event);
  if (typeof begun?.tty !== 'string') throw new Error(`has not begun on a terminal:\n${dyno.output}`);
  return begun.tty;
}

/** How many lines are named as missing. */
function missingIn(text: string): number {
  const notices = [...text.matchAll(/… (\d+) lines? (?:is|are) missing here: the terminal was too slow\n/g)];
  return notices.reduce((sum, [, count]) => sum + Number(count), 0);
}

const ERASE = '\x1b[K';

/** What a terminal would show, scrollback included: returns and erasures done. */
function screenOf(dyno: Dyno): string[] {
  const unseen = new RegExp(String.raw`\x1b\[(?:[\d;]*m|\?2004[hl])`, 'g');
  const rows = dyno.output.replaceAll(unseen, '').split('\n');
  return rows.map((row) => row.split('\r').reduce(written, ''));
}

/** A row with text written from its first column on. */
function written(row: string, text: string): string {
  return text.startsWith(ERASE) ? text.slice(ERASE.length) : text + row.slice(text.length);
}

function lineOf(dyno: Dyno): string {
  return screenOf(dyno).at(-1) ?? '';
}
