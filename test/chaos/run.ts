import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { alive, waitUntilStopped, commandLine, processTable } from '../harness/processes.ts';
import { freePort } from '../simulator/free-port.ts';
import { Dyno, signalEach } from './dyno.ts';
import {
  helperIn,
  isExit,
  isStart,
  STOP_TIMEOUT_MS,
  wrappedIn,
  type ChildEvent,
  type History,
  type RequestRecord,
} from './history.ts';
import { sendRequest } from './load.ts';
import { environmentOf, now, Sandbox, sleepUntil, stepsClock } from './sandbox.ts';
import { CHILD_NAMES, type Fault, type Scenario, type Scheduled, type Target } from './scenario.ts';

/** After the last fault, the dyno runs on for this long and is then stopped. */
const RUNS_ON_MS = 500;
/** Longer with a memory guard, which needs time to act. */
const RUNS_ON_WITH_GUARD_MS = 4000;
const MAX_RUN_MS = 3 * STOP_TIMEOUT_MS + RUNS_ON_WITH_GUARD_MS;
/** Polls for the rest of the output, in case a process holds the pipe open. */
const OUTPUT_POLLS = 100;
/** Time for the children of a killed supervisor to exit at the kernel's TERM. */
const ORPHANS_EXIT_MS = 1000;
/** A signal while libfaketime initializes can crash or hang any Node, so that faults wait for that. */
const FAKETIME_BOOT_MS = 500;

type Run = { scenario: Scenario; dyno: Dyno; sandbox: Sandbox; port: number; requests: Promise<RequestRecord>[] };

/** Runs the scenario with the real binary and returns what was seen. Nothing of it is left then. */
export async function runScenario(scenario: Scenario, installation: string): Promise<History> {
  const sandbox = new Sandbox(installation, scenario.tmp);
  try {
    if (stepsClock(scenario)) setClock(sandbox, 0);
    return await runIn(sandbox, scenario);
  } finally {
    sandbox.clear();
  }
}

async function runIn(sandbox: Sandbox, scenario: Scenario): Promise<History> {
  const { port, release } = await reservePort(scenario);
  const dyno = new Dyno({
    scenario,
    installation: sandbox.installation,
    cwd: sandbox.folder,
    environment: environmentOf(scenario, port, sandbox),
    killAfterMs: MAX_RUN_MS,
  });
  const run: Run = { scenario, dyno, sandbox, port, requests: [] };
  const clear = (): Promise<void> => dyno.clear(() => [...processesOf(run), ...processesIn(sandbox)]);
  try {
    const seen = await watch(run);
    await clear();
    return { ...seen, events: sandbox.events(), filesLeft: sandbox.filesLeft() };
  } finally {
    await clear();
    release();
    clearClocks([dyno.pid, ...sandbox.events().map(({ pid }) => pid)]);
  }
}

/** A free port, or, where that is the configuration error, one that is taken. */
async function reservePort({ misconfiguration }: Scenario): Promise<{ port: number; release: () => void }> {
  const port = await freePort();
  if (misconfiguration !== 'port-taken') return { port, release: () => {} };
  const server = createServer((socket) => socket.destroy()).listen(port, '::');
  await once(server, 'listening');
  return { port, release: () => server.close() };
}

async function watch(run: Run): Promise<Omit<History, 'filesLeft' | 'events'>> {
  const { dyno, scenario } = run;
  const injected = await dyno.injectAll(scheduleOf(scenario), lastStop(scenario), (fault) => inject(fault, run));
  const { end } = await dyno.ended;
  if (end.signal === 'SIGKILL') await sleepUntil(now() + ORPHANS_EXIT_MS, () => processesOf(run).length === 0);
  const processesLeft = processesOf(run).map((pid) => ({ pid, command: commandLine(pid) }));
  const seen = await dyno.seen(OUTPUT_POLLS);
  const requests = await Promise.all(run.requests);
  return { ...seen, injected, requests, processesLeft, lagMs: dyno.lagMs };
}

function scheduleOf(scenario: Scenario): Scheduled<Fault>[] {
  const earliestMs = stepsClock(scenario) ? FAKETIME_BOOT_MS : 0;
  return scenario.faults.map(({ atMs, fault }) => ({ atMs: Math.max(atMs, earliestMs), fault }));
}

function lastStop(scenario: Scenario): Scheduled<Fault> {
  const crashesMs = CHILD_NAMES.map((name) => scenario.behaviors[name].crash?.afterMs ?? 0);
  const lastMs = Math.max(...scheduleOf(scenario).map(({ atMs }) => atMs), ...crashesMs);
  const runsOnMs = scenario.memory === 'off' ? RUNS_ON_MS : RUNS_ON_WITH_GUARD_MS;
  return { atMs: lastMs + runsOnMs, fault: { type: 'stop', signal: 'SIGTERM', target: 'supervisor' } };
}

/** Processes with the marker in their environment, and those that have cleared it but have recorded events. */
function processesOf({ dyno, sandbox }: Run): number[] {
  const recorded = sandbox.events().map(({ pid }) => pid);
  const bare = recorded.filter((pid) => alive(pid) && belongsTo(sandbox, pid));
  return [...new Set([...dyno.processes(), ...bare])].filter(alive);
}

/** A daemon that has cleared its environment and recorded nothing yet is known by its command line. */
function processesIn(sandbox: Sandbox): number[] {
  return processTable().flatMap(({ pid, zombie }) => (zombie || !belongsTo(sandbox, pid) ? [] : [pid]));
}

/** What libfaketime leaves behind of a process that was killed. */
function clearClocks(pids: readonly number[]): void {
  const names = pids.flatMap((pid) => [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]);
  for (const name of new Set(names)) rmSync(join('/dev/shm', name), { force: true });
}

/** The pids that the fault reached; null where there was no target. */
function inject(fault: Fault, run: Run): number[] | null {
  const { dyno, sandbox } = run;
  if (fault.type === 'suspend') return suspend(targets(fault.target, run), sandbox);
  if (fault.type === 'step-clock') return stepsClock(run.scenario) ? setClock(sandbox, fault.seconds) : null;
  if (fault.type !== 'request') return dyno.inject(fault, (target) => targets(target, run));
  run.requests.push(sendRequest(dyno, run.port, fault.request, `${dyno.marker}-${run.requests.length}`));
  return [];
}

/** libfaketime's file: seconds from the true time. */
function setClock({ folder }: Sandbox, seconds: number): [] {
  writeFileSync(join(folder, 'clock.new'), `${seconds < 0 ? '' : '+'}${seconds}`);
  renameSync(join(folder, 'clock.new'), join(folder, 'clock'));
  return [];
}

/** A process that has recorded its exit and has not exited yet goes on, or the history would be wrong. */
function suspend(pids: readonly number[], sandbox: Sandbox): number[] | null {
  const stopped = signalEach(pids, 'SIGSTOP')?.filter((pid) => waitUntilStopped(pid)) ?? [];
  const exits = sandbox.events().filter(isExit);
  const isExiting = (pid: number): boolean => exits.some((exit) => exit.pid === pid);
  signalEach(stopped.filter(isExiting), 'SIGCONT');
  const suspended = stopped.filter((pid) => !isExiting(pid));
  return suspended.length > 0 ? suspended : null;
}

/** The name of a child stands for its first process. */
function targets(target: Target, { dyno, sandbox }: Run): number[] {
  if (dyno.isOver) return [];
  if (target === 'supervisor') return [dyno.pid];
  if (target === 'relay') return dyno.children().filter((pid) => /^cat$|^\/bin\/sh -c trap/.test(commandLine(pid)));
  const events = sandbox.events();
  const wrapped = wrappedIn(events);
  const isTarget = ({ process, pid }: ChildEvent): boolean => {
    if (target === 'daemon') return process.includes('.');
    return target === 'wrapped' ? wrapped.has(pid) : process === target && !wrapped.has(pid);
  };
  const started = events.filter((event) => isStart(event) && isTarget(event)).map(({ pid }) => pid);
  const pids = target === 'helper' ? events.flatMap((event) => helperIn(event) ?? []) : started;
  // Another process may have the number of one that has exited.
  return [...new Set(pids)].filter((pid) => belongsTo(sandbox, pid));
}

/** The command line of every child contains the path of its events file. */
function belongsTo({ folder }: Sandbox, pid: number): boolean {
  return commandLine(pid).includes(`${folder}/`);
}
