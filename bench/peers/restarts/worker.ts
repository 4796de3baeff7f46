// A worker: a Redis and a port, where one dyno at a time runs and is restarted again and again, as by a platform.
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../cleanup.ts';
import { startRedis } from '../../dyno/redis.ts';
import type { Redis } from '../../dyno/redis.ts';
import type { Semaphore } from '../concurrency.ts';
import { stablePort } from '../dyno-env.ts';
import type { Peer } from '../peers.ts';
import { now, PeerRun } from '../run.ts';
import type { Recipients } from '../stop-outcome.ts';
import { RestartJobs } from './jobs.ts';
import type { JobOutcome, RandomBetween } from './jobs.ts';
import { isHealthy, LoadClients } from './load-clients.ts';
import type { RequestCounts } from './load-clients.ts';

export type Worker = { redis: Redis; port: number };
/** `bootPermits`: limits how many dynos boot at the same time; no restart begins after `endMs`. */
export type RestartOptions = {
  peer: Peer;
  env: NodeJS.ProcessEnv;
  recipients: Recipients;
  restarts: number;
  seed: number;
  bootPermits: Semaphore;
  endMs: number;
  onRestart: (restart: Restart) => void;
};
/**
 * One dyno, from its start until the platform has killed what was left. `inHand`: jobs at SIGTERM; `left`: processes that outlived
 * the main process; `stopMs`: null if the platform had to kill that; `output`: if the dyno did not come up or crashed.
 */
export type Restart = {
  isUp: boolean;
  hasCrashed: boolean;
  inHand: number;
  left: number;
  stopMs: number | null;
  output?: string;
};
export type RestartsOutcome = {
  restarts: Restart[];
  jobs: JobOutcome;
  requests: RequestCounts;
  errors: Record<string, number>;
};
type RestartedDyno = Pick<RestartOptions, 'peer' | 'env' | 'recipients' | 'bootPermits'> & {
  port: number;
  jobs: RestartJobs;
  clients: LoadClients;
  random: RandomBetween;
};

const APP = fileURLToPath(new URL('app', import.meta.url));
const PUMA = `puma -C ${APP}/puma.rb`;
const SIDEKIQ = `sidekiq -r ${APP}/worker.rb -c 5`;
const THREADS = 5;
/** The platform's limits: to bind the port (R10), and from SIGTERM to SIGKILL (R12). */
const BOOT_MS = 60_000;
const STOP_MS = 30_000;
const POLL_MS = 100;
/** From when all threads have a job until SIGTERM. */
const WORK_MS = { from: 1000, to: 3000 };
const OUTPUT_LENGTH = 2000;

export async function makeWorker(): Promise<Worker> {
  return { redis: await startRedis(temporaryFolder()), port: await stablePort() };
}

export async function restartRepeatedly({ redis, port }: Worker, options: RestartOptions): Promise<RestartsOutcome> {
  const { peer, recipients, bootPermits, restarts: count, seed, endMs, onRestart } = options;
  await redis.ask('flushall');
  const jobs = new RestartJobs(redis, randomBetween(seed));
  const clients = new LoadClients(port, randomBetween(seed + 1000));
  // For the other figures sidekiq does not wait for puma (peers.ts). Here it does, as by default.
  const env = { SUPERVISE_START_TIMEOUT: '45', ...options.env, REDIS_URL: redis.url, PORT: `${port}` };
  const dyno = { peer, env, recipients, bootPermits, port, jobs, clients, random: randomBetween(seed + 2000) };
  const restarts: Restart[] = [];
  while (restarts.length < count && now() < endMs) {
    const restart = await restartOnce(dyno);
    restarts.push(restart);
    onRestart(restart);
  }
  await clients.stop();
  return { restarts, jobs: await jobs.outcome(), requests: clients.counts, errors: clients.errors };
}

async function restartOnce(dyno: RestartedDyno): Promise<Restart> {
  const { peer, env, recipients, bootPermits, port, jobs, clients, random } = dyno;
  await jobs.fillQueue();
  clients.termMs = Infinity;
  const release = await bootPermits.acquire();
  const run = new PeerRun(peer, { count: 2, first: PUMA, other: SIDEKIQ, areCommands: true, env });
  const isUp = await untilAtWork(run, jobs, port);
  release();
  if (isUp) await pause(random(WORK_MS.from, WORK_MS.to));
  const hasCrashed = (await run.endWithin(0)) !== null;
  const { inHand } = await jobs.now();
  clients.termMs = now();
  if (recipients === 'all') run.processes.signal('SIGTERM');
  else run.terminateMain();
  const end = await run.endWithin(STOP_MS);
  const left = run.processes.find().length;
  const stopMs = end && end.atMs - clients.termMs;
  const output = isUp && !hasCrashed ? {} : { output: run.output.slice(-OUTPUT_LENGTH) };
  run.discard();
  return { isUp, hasCrashed, inHand, left, stopMs, ...output };
}

/** Whether, in time, puma responds and every thread of sidekiq has had a job. */
async function untilAtWork(run: PeerRun, jobs: RestartJobs, port: number): Promise<boolean> {
  const deadline = now() + BOOT_MS;
  while (!(await isHealthy(port)) || (await jobs.now()).started < THREADS) {
    if (now() > deadline || (await run.endWithin(0)) !== null) return false;
    await pause(POLL_MS);
  }
  return true;
}

/** Random numbers that are the same in every run (mulberry32). */
function randomBetween(seed: number): RandomBetween {
  let state = seed >>> 0;
  return (from, to) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return from + ((to - from) * ((mixed ^ (mixed >>> 14)) >>> 0)) / 2 ** 32;
  };
}
