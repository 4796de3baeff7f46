import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { alive, bornAtMs, catches, commandLine } from '../harness/processes.ts';
import { freePort } from '../simulator/free-port.ts';
import { Dyno, signalEach } from './dyno.ts';
import { parseLog, parseWorkEvents, REAL_STOP_TIMEOUT_MS, SIDEKIQ_THREADS, type RealHistory } from './history.ts';
import { enqueueJobs, Redis, sendRequests, waitingJobs } from './load.ts';
import { now, type Environment } from './sandbox.ts';
import { runsChild, type RealFault, type RealScenario } from './real-scenario.ts';
import type { Target } from './scenario.ts';

export const SMALL_APP = 'test/chaos/real-app';
export const RAILS_APP = 'test/real/app';

const RUNS_ON_MS = 1500;
const MAX_RUN_MS = 5000 + 3 * REAL_STOP_TIMEOUT_MS;
/** The children of a killed supervisor drain: puma up to 8 of the longest requests in three rounds. */
const ORPHANS_EXIT_MS = 45_000;
const SCAN_EVERY_MS = 200;
const OUTPUT_POLLS = 300;

type Files = { checkout: string; own: string; events: string };

/** Runs the scenario with the real binary, puma, sidekiq and Redis and returns what was seen. Nothing of it is left then. */
export async function runRealScenario(scenario: RealScenario, installation: string): Promise<RealHistory> {
  const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-test-'));
  for (const name of ['redis', 'own']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'events'), '');
  const redis = new Redis(join(folder, 'redis'));
  try {
    await redis.start();
    return await runIn(folder, scenario, redis, installation);
  } finally {
    await redis.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runIn(folder: string, scenario: RealScenario, redis: Redis, installation: string): Promise<RealHistory> {
  const port = await freePort();
  const files = layOut(scenario, folder, installation);
  const dyno = new Dyno({
    scenario,
    installation,
    cwd: files.checkout,
    environment: { ...environmentOf(scenario, port, files), REDIS_URL: redis.url },
    killAfterMs: MAX_RUN_MS,
  });
  const scan = setInterval(() => dyno.processes(), SCAN_EVERY_MS); // A descendant is known by an earlier scan.
  try {
    const load = Promise.all([
      runsChild(scenario, 'sidekiq') ? enqueueJobs(scenario, redis, dyno) : [],
      runsChild(scenario, 'puma') ? sendRequests(scenario, port, dyno) : [],
      injectFaults(scenario, dyno, redis),
    ]);
    load.catch(() => {}); // Awaited below.
    const { end } = await dyno.ended;
    clearInterval(scan);
    if (end.signal === 'SIGKILL') await drainOrphans(dyno);
    const left = dyno.processes();
    const processesLeft = left.map((pid) => ({ command: `${pid} ${commandLine(pid)}`, startedAtMs: bornAtMs(pid) }));
    const [jobs, requests, injected] = await load;
    const { output, stderr, ...seen } = await dyno.seen(left.length === 0 ? OUTPUT_POLLS : 0);
    const events = parseWorkEvents(readFileSync(files.events, 'utf8'));
    return {
      ...{ ...seen, injected, events, log: parseLog(`${output}\n${stderr}`), jobs, requests, processesLeft },
      ...{ waitingJobs: await waitingJobs(redis), filesLeft: filesIn(files), lagMs: dyno.lagMs },
    };
  } finally {
    clearInterval(scan);
    await dyno.clear();
  }
}

function layOut({ isRails }: RealScenario, folder: string, installation: string): Files {
  const smallApp = join(installation, SMALL_APP);
  const checkout = join(folder, 'app');
  cpSync(isRails ? join(installation, RAILS_APP) : smallApp, checkout, { recursive: true });
  if (isRails) {
    for (const name of ['events.rb', 'echo.rb']) cpSync(join(smallApp, name), join(checkout, name));
    cpSync(join(smallApp, 'rails.ru'), join(checkout, 'config.ru'));
    cpSync(join(smallApp, 'recording_worker.rb'), join(checkout, 'app/workers/recording_worker.rb'));
    execFileSync('bundle', ['lock', '--local'], { cwd: checkout, stdio: 'pipe' });
  }
  mkdirSync(join(checkout, 'tmp'));
  return { checkout, own: join(folder, 'own'), events: join(folder, 'events') };
}

function environmentOf(scenario: RealScenario, port: number, { own, events }: Files): Environment {
  const smallApp = { PUMA_COMMAND: 'puma -C config/puma.rb', SIDEKIQ_COMMAND: 'sidekiq -r ./recording_worker.rb' };
  return {
    PORT: `${port}`,
    TMPDIR: own,
    CHAOS_EVENTS: events,
    RAILS_ENV: 'production',
    DATABASE_URL: 'postgres://localhost:1/none',
    SIDEKIQ_THREADS: `${SIDEKIQ_THREADS}`,
    MAX_THREADS: '3',
    WEB_CONCURRENCY: scenario.hasCluster ? '1' : '0',
    RUN_WORKER: `${scenario.hasSidekiq}`,
    SUPERVISE_ROUTER: `${scenario.hasRouter}`,
    SUPERVISE_LOG_FORMAT: 'json',
    SUPERVISE_LOG_PREFIX: `${scenario.hasPrefix}`,
    SUPERVISE_STOP_TIMEOUT: `${REAL_STOP_TIMEOUT_MS / 1000}`,
    ...(scenario.sidekiqWaits ? {} : { SUPERVISE_START_TIMEOUT: '0' }),
    ...(scenario.isRails ? {} : smallApp),
  };
}

/** A suspended process cannot handle the TERM of the kernel. */
async function drainOrphans(dyno: Dyno): Promise<void> {
  const untilMs = now() + ORPHANS_EXIT_MS;
  while (now() < untilMs && signalEach(dyno.processes(), 'SIGCONT') !== null) await pause(50);
}

function filesIn({ own, checkout }: Files): string[] {
  const ready = readdirSync(join(checkout, 'tmp')).filter((name) => name.endsWith('.ready'));
  return [...readdirSync(own, { recursive: true, encoding: 'utf8' }), ...ready];
}

async function injectFaults({ faults }: RealScenario, dyno: Dyno, redis: Redis): Promise<RealHistory['injected']> {
  /** What is known only later. */
  const results = new Map<RealFault, Promise<{ untilMs: number } | { exitedAtMs: number | null }>>();
  let isRestarted = false;
  const inject = (fault: RealFault): number[] | null => {
    if (fault.type === 'restart-redis') {
      if (isRestarted) return null;
      isRestarted = true;
      results.set(fault, redis.restart(fault.downMs));
      return [];
    }
    const isSignal = fault.type === 'signal';
    // Before Node installs its handlers, these signals stop or end it.
    if (isSignal && fault.target === 'supervisor' && !catches(dyno.pid, fault.signal)) return null;
    const pids = dyno.inject(fault, (target) => pidsOf(target, dyno));
    const isToChild = isSignal && fault.target !== 'supervisor';
    if (isToChild && pids?.[0] !== undefined) results.set(fault, untilExit(pids[0], dyno));
    return pids;
  };
  const lastMs = Math.max(0, ...faults.map(({ atMs }) => atMs));
  const stop = { type: 'stop', signal: 'SIGTERM', target: 'supervisor' } as const;
  const injected = await dyno.injectAll<RealFault>(faults, { atMs: lastMs + RUNS_ON_MS, fault: stop }, inject);
  return Promise.all(injected.map(async (one) => ({ ...one, exitedAtMs: null, ...(await results.get(one.fault)) })));
}

/** The first process of a child, known by its command line. */
function pidsOf(target: Target, dyno: Dyno): number[] {
  dyno.processes(); // What a killed process has started is known by this scan.
  if (target === 'supervisor') return [dyno.pid];
  const name = new RegExp(`(^|[ /])${target}\\b`);
  return dyno
    .children()
    .filter((pid) => name.test(commandLine(pid)))
    .slice(0, 1);
}

/** exitedAtMs: when it was last seen; null where it outlived the dyno. */
async function untilExit(pid: number, dyno: Dyno): Promise<{ exitedAtMs: number | null }> {
  let exitedAtMs = now();
  for (; alive(pid); await pause(5)) {
    if (dyno.isOver) return { exitedAtMs: null };
    exitedAtMs = now();
  }
  return { exitedAtMs };
}
