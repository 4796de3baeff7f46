import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { End } from '../harness/dyno.ts';
import { alive, commandLine, justStarted, ofDyno, processTable, signalIfAlive } from '../harness/processes.ts';
import { environmentOf, hasSteps } from './dyno-env.ts';
import { isIn, perform, readLedger, setClock, type Scene } from './deeds.ts';
import { watchLag } from './lag.ts';
import { BUDGET_MS, warningsIn, type Done, type Left, type TinyRecord } from './record.ts';
import { Reader } from './reader.ts';
import { now } from './now.ts';
import { startLoad, type Stage } from './stage.ts';
import { CHILD_NAMES, natureOf, type Happening, type Story } from './story.ts';

/** A story that has not ended by itself so long after its last happening is asked to. */
const PATIENCE_MS = 500;
/** The guard has something to see before that. */
const PATIENCE_WITH_MEMORY_MS = 4000;
/** So often what it printed is looked for after its end, should somebody hold the pipe. */
const READ_LOOKS = 100;
/** No dyno may live so long: it is ended, and has failed. */
const PATIENCE_AT_MOST_MS = 3 * BUDGET_MS + PATIENCE_WITH_MEMORY_MS;
/** What children that the kernel has TERMed may need. */
const SETTLES_MS = 1000;
/** What a request may need to notice that nobody is there. Where the machine is so late that the kernel drops what our client had no
 * room for, that comes once more after 0.2 s, 0.4, 0.8 and so on. */
const ANSWERED_WITHIN_MS = 10_000;

/** Plays it with the real binary and gives what was seen. Nothing of it is left then. house: what openTheatre() made. */
export async function play(story: Story, stage: Stage, house: string): Promise<TinyRecord> {
  const stopLoad = story.isBusy ? startLoad() : () => {};
  const lag = watchLag();
  try {
    const isTmpRoomy = !stage.set(story.tmp);
    if (hasSteps(story)) setClock(stage.folder, 0);
    return { ...(await playOn(story, stage, house)), lagMs: lag.most(), isTmpRoomy };
  } finally {
    lag.stop();
    stopLoad();
    stage.strike();
  }
}

async function playOn(story: Story, stage: Stage, house: string): Promise<Omit<TinyRecord, 'lagMs' | 'isTmpRoomy'>> {
  const port = await portOf(story, stage);
  const abort = new AbortController();
  const scene = start(story, stage, house, port.number, abort.signal);
  try {
    const seen = await watch(story, scene, abort);
    await clear(scene);
    return { ...seen, ledger: readLedger(stage.folder), filesLeft: filesIn(stage.folder) };
  } finally {
    await clear(scene);
    port.close();
    clearClocks([scene.supervisor.pid, ...readLedger(stage.folder).map(({ pid }) => pid)]);
  }
}

type Watched = Omit<TinyRecord, 'lagMs' | 'isTmpRoomy' | 'filesLeft' | 'ledger'>;

/** From its start to its end and the last answer. */
async function watch(story: Story, scene: Scene, abort: AbortController): Promise<Watched> {
  const startedAtMs = now();
  const ended = new Promise<{ end: End; endedAtMs: number }>((resolve) => {
    scene.supervisor.once('exit', (code, signal) => resolve({ end: { code, signal }, endedAtMs: now() }));
  });
  const isOver = (): boolean => scene.supervisor.exitCode !== null || scene.supervisor.signalCode !== null;
  const watchdog = setTimeout(() => signalIfAlive(scene.supervisor.pid, 'SIGKILL'), PATIENCE_AT_MOST_MS);
  const done = await happen(story, scene, startedAtMs, isOver);
  const { end, endedAtMs } = await ended;
  clearTimeout(watchdog);
  const processesLeft = await leftOf(scene, end);
  const reader = scene.reader.is;
  const output = await scene.reader.text(READ_LOOKS);
  const { apart } = scene.reader;
  const warnings = warningsIn(output + apart);
  const patience = setTimeout(() => abort.abort(), ANSWERED_WITHIN_MS);
  const answers = await Promise.all(scene.answers);
  clearTimeout(patience);
  return { startedAtMs, endedAtMs, end, done, output, apart, warnings, reader, answers, processesLeft };
}

function start(story: Story, stage: Stage, house: string, port: number, giveUp: AbortSignal): Scene {
  const marker = randomUUID();
  const reader = new Reader(story.stdout, stage);
  const script = join(house, 'test/fixtures/chaos-child.pl');
  const environment = environmentOf(story, { folder: stage.folder, port, ruby: join(house, 'ruby'), script });
  const { PATH, HOME } = process.env;
  const supervisor = spawn(process.execPath, [join(house, 'bin/mstdn-supervise.js'), story.role], {
    cwd: stage.folder,
    env: { PATH, HOME, LANG: 'C.UTF-8', TEST_DYNO: marker, ...environment },
    stdio: ['ignore', reader.fd, reader.fd],
    detached: true,
  });
  reader.started(supervisor);
  if (supervisor.pid === undefined) throw new Error('the dyno did not start');
  return {
    supervisor: supervisor as Scene['supervisor'],
    marker,
    seen: justStarted(supervisor.pid),
    folder: stage.folder,
    port,
    reader,
    answers: [],
    giveUp,
  };
}

/** One that nobody has, or one that somebody has where that is the story. */
async function portOf({ mistake }: Story, stage: Stage): Promise<{ number: number; close: () => void }> {
  const number = stage.port();
  const server = createServer((socket) => socket.destroy());
  const isOurs = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(number, '::', () => resolve(true));
  });
  if (!isOurs) return portOf({ mistake } as Story, stage);
  if (mistake === 'port-taken') return { number, close: () => server.close() };
  await new Promise((resolve) => server.close(resolve));
  return { number, close: () => {} };
}

/** One after the other, each at its time; then, where nothing has ended it, a TERM. */
async function happen(story: Story, scene: Scene, startedAtMs: number, isOver: () => boolean): Promise<Done[]> {
  const inOrder = [...story.happenings].sort((one, other) => one.atMs - other.atMs);
  const patienceMs = story.memory === 'off' ? PATIENCE_MS : PATIENCE_WITH_MEMORY_MS;
  const lastMs = Math.max(
    inOrder.at(-1)?.atMs ?? 0,
    ...CHILD_NAMES.map((name) => natureOf(story, name).end?.inMs ?? 0),
  );
  const last: Happening = { atMs: lastMs + patienceMs, what: { do: 'stop', signal: 'SIGTERM', to: 'supervisor' } };
  const done: Done[] = [];
  for (const { atMs, what } of [...inOrder, last]) {
    await until(startedAtMs + atMs, isOver);
    if (isOver()) break;
    const at = now();
    const pids = perform(what, scene);
    if (pids !== null) done.push({ atMs: at, untilMs: now(), what, pids });
  }
  return done;
}

/** The kernel has TERMed the children of a supervisor that was killed: they have their time to drain. */
async function leftOf(scene: Scene, { signal }: End): Promise<Left[]> {
  if (signal === 'SIGKILL') await until(now() + SETTLES_MS, () => ours(scene).length === 0);
  return ours(scene).map((pid) => ({ pid, command: commandLine(pid) }));
}

/** What carries the marker, and what has thrown it away but stands in the ledger. */
function ours({ marker, seen, folder }: Scene): number[] {
  const named = readLedger(folder).map(({ pid }) => pid);
  const bare = named.filter((pid) => alive(pid) && isIn(folder, pid));
  return [...new Set([...ofDyno(marker, seen), ...bare])].filter(alive);
}

function livingIn(folder: string): number[] {
  return processTable().flatMap(({ pid, zombie }) => (zombie || !isIn(folder, pid) ? [] : [pid]));
}

async function clear(scene: Scene): Promise<void> {
  await until(now() + 5000, () => {
    // A daemon without our environment that has not written down its start is known by its command line.
    const left = new Set([...ours(scene), ...livingIn(scene.folder)]);
    for (const pid of left) signalIfAlive(pid, 'SIGKILL');
    return left.size === 0;
  });
}

async function until(atMs: number, isOver: () => boolean): Promise<void> {
  while (now() < atMs && !isOver()) await new Promise((resolve) => setTimeout(resolve, Math.min(10, atMs - now())));
}

function filesIn(folder: string): string[] {
  const folders = ['own', 'tmp'].filter((name) => existsSync(join(folder, name)));
  return folders
    .flatMap((name) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`))
    .filter((file) => file !== 'tmp/full');
}

/** libfaketime's own, where somebody was killed. */
function clearClocks(pids: readonly number[]): void {
  for (const pid of new Set(pids)) {
    for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])
      rmSync(join('/dev/shm', name), { force: true });
  }
}

export const rootHere = (): string => fileURLToPath(new URL('../..', import.meta.url));
