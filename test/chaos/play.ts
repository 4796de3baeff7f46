import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDyno, signalIfAlive, type Dyno, type End } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { tiny } from '../process/tiny.ts';
import { freePort } from '../simulator/free-port.ts';
import type { ChildName, Happening, Nature, Story } from './story.ts';

/** SUPERVISE_STOP_TIMEOUT of every story. */
export const BUDGET_MS = 3000;
/** A story that has not ended by itself so long after its last happening is asked to. */
const PATIENCE_MS = 1600;

/** What it printed is read so long after its end, should somebody hold the pipe. */
const READ_MOST_MS = 3000;

/** What was seen of a story from outside; times on the monotonic clock, in milliseconds. */
export type Record = {
  startedAtMs: number;
  endedAtMs: number;
  end: End;
  /** What we did to it, and whether it was still there. */
  done: readonly { atMs: number; what: Happening['what'] }[];
  /** What the children wrote of themselves. */
  ledger: readonly { name: ChildName; pid: number; what: string; atMs: number }[];
  facts: readonly { [field: string]: unknown }[];
  wasStalled: boolean;
  /** Of this dyno, when it had ended. */
  processesLeft: readonly number[];
  filesLeft: readonly string[];
};

/** Plays it with the real binary and gives what was seen. Nothing of it is left then. */
export async function play(story: Story): Promise<Record> {
  const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-test-'));
  for (const name of ['tmp', 'own']) mkdirSync(join(folder, name));
  try {
    return await playIn(story, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function playIn(story: Story, folder: string): Promise<Record> {
  const ledger = join(folder, 'ledger');
  const port = await freePort();
  const startedAtMs = now();
  const dyno = startDyno({ cwd: folder, env: environment(story, ledger, port, join(folder, 'tmp')) });
  const ended: End[] = [];
  const exited = new Promise<void>((resolve) => {
    dyno.child.once('exit', (code, signal) => {
      ended.push({ code, signal });
      resolve();
    });
  });
  const done = await happen(story.happenings, dyno, startedAtMs, () => ended.length > 0, ledger);
  await exited;
  const endedAtMs = now();
  const wasStalled = done.reduce(
    (stalled, { what }) => (what.do === 'stall' ? true : what.do === 'read' ? false : stalled),
    false,
  );
  dyno.child.stdout?.resume();
  const daemons = daemonsIn(readLedger(ledger));
  const processesLeft = [...dyno.look(), ...daemons.filter(alive)];
  await Promise.race([dyno.exited, new Promise((resolve) => setTimeout(resolve, READ_MOST_MS).unref())]);
  for (const pid of daemons) signalIfAlive(pid, 'SIGKILL');
  await dyno.obliterate();
  return {
    ...{ startedAtMs, endedAtMs, end: ended[0] ?? { code: null, signal: null }, done, wasStalled, processesLeft },
    ledger: readLedger(ledger),
    facts: factsIn(dyno.output),
    filesLeft: readdirSync(join(folder, 'tmp')),
  };
}

function environment(story: Story, ledger: string, port: number, TMPDIR: string): { [name: string]: string } {
  return {
    ...{ PORT: `${port}`, TMPDIR, SUPERVISE_LOG_FORMAT: 'json', SUPERVISE_STOP_TIMEOUT: `${BUDGET_MS / 1000}` },
    ...{ SUPERVISE_START_TIMEOUT: '0', SUPERVISE_MEMORY_GUARD: 'off' },
    RUN_WORKER: `${story.hasWorker}`,
    SUPERVISE_ROUTER: `${story.hasRouter}`,
    SUPERVISE_LOG_PREFIX: `${story.hasPrefix}`,
    PUMA_COMMAND: tiny('puma', options(story.puma, ledger, `listen=${port}`)),
    SIDEKIQ_COMMAND: tiny('sidekiq', options(story.sidekiq, ledger, 'ready')),
  };
}

function options({ term, end, daemon, lines }: Nature, ledger: string, more: string): string {
  const words = [more, `ledger=${ledger}`, `lines=${lines}`];
  if (term.how === 'ignore') words.push('term=ignore');
  else words.push(`term=${term.how === 'exit' ? term.code : 'signal'}`, `after=${term.afterMs}`);
  if (end !== null) words.push(end.how === 'exit' ? `exit=${end.code}` : `kill=${end.signal}`, `in=${end.inMs}`);
  if (daemon !== null) words.push(`daemon=${daemon}`);
  return words.join(' ');
}

/** One after the other, each at its time; then, where nothing has ended it, a TERM, and a reader that reads. */
async function happen(
  happenings: readonly Happening[],
  dyno: Dyno,
  startedAtMs: number,
  isOver: () => boolean,
  ledger: string,
): Promise<{ atMs: number; what: Happening['what'] }[]> {
  const inOrder = [...happenings].sort((one, other) => one.atMs - other.atMs);
  const lastMs = (inOrder.at(-1)?.atMs ?? 0) + PATIENCE_MS;
  const last: Happening = { atMs: lastMs, what: { do: 'stop', signal: 'SIGTERM', toAll: false } };
  const done: { atMs: number; what: Happening['what'] }[] = [];
  for (const { atMs, what } of [...inOrder, last]) {
    await eventually(() => {
      if (!isOver() && now() < startedAtMs + atMs) throw new Error('not yet');
    });
    if (isOver()) break;
    const at = now();
    if (act(what, dyno, ledger)) done.push({ atMs: at, what });
  }
  return done;
}

/** Whether there was somebody to do it to. */
function act(what: Happening['what'], dyno: Dyno, ledger: string): boolean {
  switch (what.do) {
    case 'stop':
      if (what.toAll) dyno.signalAll(what.signal);
      else signalIfAlive(dyno.pid, what.signal);
      return true;
    case 'stall':
      dyno.child.stdout?.pause();
      return true;
    case 'read':
      dyno.child.stdout?.resume();
      return true;
    case 'kill':
    case 'freeze':
    case 'thaw': {
      const pid = what.whom === 'supervisor' ? dyno.pid : pidOf(what.whom, ledger);
      if (pid === null) return false;
      dyno.look();
      signalIfAlive(pid, ({ kill: 'SIGKILL', freeze: 'SIGSTOP', thaw: 'SIGCONT' } as const)[what.do]);
      return true;
    }
  }
}

function pidOf(name: ChildName, ledger: string): number | null {
  const entries = readLedger(ledger);
  if (entries.some((entry) => entry.name === name && /^(exit|kill)/.test(entry.what))) return null;
  return entries.find((entry) => entry.name === name && entry.what === 'up')?.pid ?? null;
}

/** They may have left everything by which the harness knows a dyno's processes. */
function daemonsIn(ledger: Record['ledger']): number[] {
  return ledger.flatMap(({ what }) => (what.startsWith('daemon ') ? [Number(what.slice('daemon '.length))] : []));
}

function readLedger(file: string): Record['ledger'] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Record['ledger'][number]);
}

function factsIn(output: string): Record['facts'] {
  const lines = output.split('\n').filter((line) => line.startsWith('{"level"') && line.endsWith('}'));
  return lines.map((line) => JSON.parse(line) as { [field: string]: unknown });
}

/** As the children read it. */
function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
