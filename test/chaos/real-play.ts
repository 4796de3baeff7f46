import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Dyno, type End } from '../harness/dyno.ts';
import { bornAtMs, commandLine, signalIfAlive } from '../harness/processes.ts';
import { freePort } from '../simulator/free-port.ts';
import { watchLag } from './lag.ts';
import { factsIn, warningsIn } from './record.ts';
import { now } from './now.ts';
import { startLoad } from './stage.ts';
import { happen, isOver } from './real-deeds.ts';
import { enqueueAll, waitingJobs } from './real-jobs.ts';
import { BUDGET_MS, parseLedger, SIDEKIQ_THREADS, type Done, type RealRecord } from './real-record.ts';
import { StoryRedis } from './real-redis.ts';
import { hasPart, type RealStory } from './real-story.ts';
import { visitAll } from './real-visitors.ts';

/** In the house: what runs may lie elsewhere, in a bundle. */
export const SMALL_APP = 'test/chaos/real-app';
export const RAILS_APP = 'test/real/app';
/** So long children drain whose supervisor was killed: puma's threads take up to 8 of the longest requests in three rounds. */
const DRAIN_MOST_MS = 45_000;

/** Plays it with the real binary, puma, sidekiq and Redis and gives what was seen. Nothing of it is left then. */
export async function playReal(story: RealStory, house: string): Promise<RealRecord> {
  const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-test-'));
  for (const name of ['redis', 'own']) mkdirSync(join(folder, name));
  const redis = new StoryRedis(join(folder, 'redis'));
  const endLoad = story.isBusy ? startLoad() : () => {};
  try {
    await redis.start();
    return await playIn(story, folder, redis, house);
  } finally {
    endLoad();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function playIn(story: RealStory, folder: string, redis: StoryRedis, house: string): Promise<RealRecord> {
  const port = await freePort();
  const { checkout, own, ledger } = layOut(story, folder, house);
  const startedAtMs = now();
  const dyno = start(house, story, checkout, { ...environment(story, port, own, ledger), REDIS_URL: redis.url });
  const lag = watchLag();
  const looking = setInterval(() => dyno.look(), 200); // Children of children are known by having been seen.
  try {
    const exited = exitOf(dyno);
    const over = (): boolean => isOver(dyno);
    const alongside = Promise.all([
      hasPart(story, 'sidekiq') ? enqueueAll(story, redis, over) : [],
      hasPart(story, 'puma') ? visitAll(story, port, over) : [],
    ]);
    const happened = happen(story, dyno, redis, startedAtMs);
    for (const one of [alongside, happened]) one.catch(() => {}); // Each is waited for below.
    const { end, endedAtMs } = await exited;
    clearInterval(looking);
    const processesLeft = await leftOf(dyno, end);
    const done = await happened;
    const [enqueued, visits] = await alongside;
    const reader = readerAfter(done);
    if (reader !== 'closed' && processesLeft.length === 0) await restOfOutput(dyno);
    return {
      ...{ startedAtMs, endedAtMs, end, done, enqueued, visits, processesLeft, reader, lagMs: lag.most() },
      facts: factsIn(dyno.output),
      warnings: warningsIn(dyno.output),
      waiting: await waitingJobs(redis),
      ledger: existsSync(ledger) ? parseLedger(readFileSync(ledger, 'utf8')) : [],
      filesLeft: filesIn(own, checkout),
    };
  } finally {
    clearInterval(looking);
    lag.stop();
    await dyno.obliterate();
  }
}

type Place = { checkout: string; own: string; ledger: string };

/** A checkout with the parts of the story. */
function layOut({ isRails }: RealStory, folder: string, house: string): Place {
  const smallApp = join(house, SMALL_APP);
  const checkout = join(folder, 'app');
  if (isRails) {
    cpSync(join(house, RAILS_APP), checkout, { recursive: true });
    for (const name of ['ledger.rb', 'echo.rb']) cpSync(join(smallApp, name), join(checkout, name));
    cpSync(join(smallApp, 'rails.ru'), join(checkout, 'config.ru'));
    cpSync(join(smallApp, 'ledger_worker.rb'), join(checkout, 'app/workers/ledger_worker.rb'));
    execFileSync('bundle', ['lock', '--local'], { cwd: checkout, stdio: 'pipe' });
  } else cpSync(smallApp, checkout, { recursive: true });
  mkdirSync(join(checkout, 'tmp'));
  return { checkout, own: join(folder, 'own'), ledger: join(folder, 'ledger') };
}

function start(house: string, { role }: RealStory, cwd: string, env: { [name: string]: string }): Dyno {
  const marker = randomUUID();
  const base = { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8', TEST_DYNO: marker };
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(process.execPath, [join(house, 'bin/mstdn-supervise.js'), role], {
    ...{ cwd, env: { ...base, ...env }, detached: true },
    stdio: [...stdio],
  });
  return new Dyno(child, marker);
}

function environment(story: RealStory, port: number, TMPDIR: string, ledger: string): { [name: string]: string } {
  return {
    ...{ PORT: `${port}`, TMPDIR, SUPERVISE_LOG_FORMAT: 'json', SUPERVISE_STOP_TIMEOUT: `${BUDGET_MS / 1000}` },
    ...(story.waits ? {} : { SUPERVISE_START_TIMEOUT: '0' }),
    ...{ SIDEKIQ_THREADS: `${SIDEKIQ_THREADS}`, MAX_THREADS: '3', WEB_CONCURRENCY: story.hasCluster ? '1' : '0' },
    ...{ RAILS_ENV: 'production', DATABASE_URL: 'postgres://nobody@localhost:1/nothing', CHAOS_LEDGER: ledger },
    RUN_WORKER: `${story.hasWorker}`,
    SUPERVISE_ROUTER: `${story.hasRouter}`,
    SUPERVISE_LOG_PREFIX: `${story.hasPrefix}`,
    ...(story.isRails
      ? {}
      : { PUMA_COMMAND: 'puma -C config/puma.rb', SIDEKIQ_COMMAND: 'sidekiq -r ./ledger_worker.rb' }),
  };
}

function exitOf({ child }: Dyno): Promise<{ end: End; endedAtMs: number }> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ end: { code, signal }, endedAtMs: now() }));
  });
}

/** The children of a supervisor that was killed may drain; a stopped one could not even hear that it should. */
async function leftOf(dyno: Dyno, end: End): Promise<RealRecord['processesLeft']> {
  if (end.signal === 'SIGKILL') {
    const untilMs = now() + DRAIN_MOST_MS;
    while (dyno.look().length > 0 && now() < untilMs) {
      for (const pid of dyno.look()) signalIfAlive(pid, 'SIGCONT');
      await pause(50);
    }
  }
  return dyno.look().map((pid) => ({ what: `${pid} ${commandLine(pid)}`, bornAtMs: bornAtMs(pid) }));
}

function readerAfter(done: readonly Done[]): RealRecord['reader'] {
  const words = { stall: 'stalls', read: 'reads', close: 'closed' } as const;
  return done.reduce<RealRecord['reader']>((reader, { what }) => {
    return reader !== 'closed' && (what.do === 'stall' || what.do === 'read' || what.do === 'close')
      ? words[what.do]
      : reader;
  }, 'reads');
}

async function restOfOutput(dyno: Dyno): Promise<void> {
  dyno.child.stdout?.resume();
  await Promise.race([dyno.exited, pause(3000)]);
}

function filesIn(own: string, checkout: string): string[] {
  const ready = readdirSync(join(checkout, 'tmp')).filter((name) => name.endsWith('.ready'));
  return [...readdirSync(own, { recursive: true, encoding: 'utf8' }), ...ready];
}
