// One dyno of one peer, with a Redis and a port of its own, that a platform restarts again and again.
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../memory/ending.js';
import { startRedis } from '../../memory/redis.js';
import { Run, now } from '../run.js';
import { chance } from './chance.js';
import { Jobs } from './jobs.js';
import { quietPort } from './ports.js';
import { Visitors, answers } from './visitors.js';

const app = fileURLToPath(new URL('app', import.meta.url));
const PUMA = `puma -C ${app}/puma.rb`;
const SIDEKIQ = `sidekiq -r ${app}/worker.rb -c 5`;
const THREADS = 5;
/** The platform's: to bind the port (R10), and from its TERM to its KILL (R12). */
const BOOT_MS = 60_000;
const STOP_MS = 30_000;
const LOOK_MS = 100;
/** At work, from when all threads have a job until the TERM. */
const WORK_MS = [1000, 3000];

/** Where a dyno can run. */
export async function makePlace() {
  return { redis: await startRedis(temporaryFolder()), port: await quietPort() };
}

/** signals: 'all' or 'main', who gets the TERM; gate: of those who boot; no life begins after `endMs`. */
export async function restartOver({ redis, port }, { peer, env, signals, restarts, seed, gate, endMs, onLife }) {
  await redis.ask('flushall');
  const jobs = new Jobs(redis, chance(seed));
  const visitors = new Visitors(port, chance(seed + 1000));
  const dyno = { peer, signals, gate, jobs, visitors, port, workMs: chance(seed + 2000) };
  // The peers' own table lets sidekiq start at once; here it waits as it does by default.
  dyno.env = { SUPERVISE_START_TIMEOUT: '45', ...env, REDIS_URL: redis.url, PORT: `${port}` };
  const lives = [];
  while (lives.length < restarts && now() < endMs) {
    lives.push(await live(dyno));
    onLife(lives.at(-1));
  }
  await visitors.stop();
  return { lives, jobs: await jobs.outcome(), requests: visitors.counts, errors: visitors.errors };
}

/** From its start until the platform has killed what was left. stopMs is null where it had to kill the main process. */
async function live({ peer, signals, env, gate, jobs, visitors, port, workMs }) {
  await jobs.beginLife();
  visitors.termMs = Infinity;
  const leave = await gate.enter();
  const run = new Run(peer, { count: 2, first: PUMA, other: SIDEKIQ, commands: true, env });
  const isUp = await comesUp(run, jobs, port);
  leave();
  if (isUp) await pause(workMs(...WORK_MS));
  const hasCrashed = (await run.endWithin(0)) !== null;
  const { inHand } = await jobs.now();
  visitors.termMs = now();
  terminate(run, signals);
  const end = await run.endWithin(STOP_MS);
  const left = run.look().length;
  const life = { isUp, hasCrashed, inHand, left, stopMs: end && end.atMs - visitors.termMs };
  if (!isUp || hasCrashed) life.output = run.output.slice(-2000);
  run.discard();
  return life;
}

/** Whether, in time, puma answers and every thread of sidekiq has had a job. */
async function comesUp(run, jobs, port) {
  const endMs = now() + BOOT_MS;
  while (!(await answers(port)) || (await jobs.now()).started < THREADS) {
    if (now() > endMs || (await run.endWithin(0))) return false;
    await pause(LOOK_MS);
  }
  return true;
}

function terminate(run, signals) {
  if (signals === 'all') run.broadcast('SIGTERM');
  else run.child.kill('SIGTERM');
}
