import type { Words } from '../config/parsers.ts';
import {
  type Queue,
  queueArguments,
  readSidekiqYml,
  SCHEDULER,
  type SidekiqProcess,
  withWeights,
} from '../config/queues.ts';
import type { Settings } from '../config/settings.ts';
import type { Machine } from './machine.ts';
import { databaseConnections, ownPool, redisConnections, sidekiqMemory } from './resources.ts';
import type { ChildSpec, StopTimes } from './spec.ts';
import { environmentOf, tuningFor } from './tuning.ts';

/** How much longer than `-t` sidekiq takes to exit after SIGTERM, at most: 3 s for ensure blocks, and Redis.
 * Measured: with `-t 25` it exits within 28.5 s. */
const SIDEKIQ_AFTER_TIMEOUT_MS = 3500;
/** An idle thread may be in a 2 s fetch (BRPOP) while sidekiq returns the running jobs to Redis. With a shorter
 * `-t`, it fetches one of them again, and the job is lost. Measured, jobs lost in 8 stops: 4 with `-t 1`, 1 with `-t
 * 2`, none with `-t 3` or more. */
const SIDEKIQ_MIN_TIMEOUT_S = 3;
/** When it is ready, Mastodon's sidekiq touches tmp/ with the file name in this variable
 * (config/initializers/sidekiq.rb). */
const READY_VARIABLE = 'MASTODON_SIDEKIQ_READY_FILENAME';

export function sidekiqSpecs(
  settings: Settings,
  machine: Machine,
  stop: StopTimes,
  start: ChildSpec['start'],
): ChildSpec[] {
  const processes = sidekiqProcesses(settings, machine);
  const seconds = timeoutSeconds(stop);
  const tuning = tuningFor('sidekiq', settings, machine, false);
  return processes.map(({ threads, queues }, index) => {
    const name = processes.length === 1 ? 'sidekiq' : `sidekiq-${index + 1}`;
    const readyFile = `${machine.runId}-${name}.ready`;
    const options = ['-c', `${threads}`, '-t', `${seconds}`];
    return {
      name,
      kind: 'sidekiq',
      command: withArguments(
        settings.SIDEKIQ_COMMAND,
        ...options,
        ...tagOption(settings.SIDEKIQ_COMMAND, name),
        ...queueArguments(queues),
      ),
      env: { ...ownPool('sidekiq', settings), [READY_VARIABLE]: readyFile, ...environmentOf(tuning) },
      tuning,
      start,
      ready: { kind: 'file', variable: READY_VARIABLE, name: readyFile },
      forwardedSignals: ['SIGTTIN'],
      threads,
      queues: queues ?? queuesOf(machine),
      databaseConnections: databaseConnections('sidekiq', settings, machine.quota, threads),
      redisConnections: redisConnections('sidekiq', settings, machine.quota, threads),
      memory: sidekiqMemory(settings, machine, threads, index),
      socket: null,
      drainMs: null,
    };
  });
}

/** Sidekiq overwrites its command line with its state, cut to the length of the command line. The state starts with
 * the tag, by default the name of the folder, and a long tag would cut off the number of busy threads. A tag given
 * as an option makes the command line longer by the same amount. */
function tagOption(command: Words, name: string): string[] {
  return command.some((word) => /^(-g|--tag)/.test(word)) ? [] : ['-g', name];
}

/** Sidekiq's `-t`: leaves time for its worst case, but is at least the minimum that loses no jobs, as far as the
 * time allows. */
function timeoutSeconds({ killAfterMs }: StopTimes): number {
  const safe = Math.floor((killAfterMs - SIDEKIQ_AFTER_TIMEOUT_MS) / 1000);
  const possible = Math.max(0, Math.floor(killAfterMs / 1000) - 1);
  return Math.max(safe, Math.min(SIDEKIQ_MIN_TIMEOUT_S, possible));
}

/** Warns if the time to stop is too short for sidekiq's worst case. */
export function stopWarnings(children: readonly ChildSpec[], { budgetMs, killAfterMs }: StopTimes): string[] {
  const neededMs = SIDEKIQ_MIN_TIMEOUT_S * 1000 + SIDEKIQ_AFTER_TIMEOUT_MS;
  if (killAfterMs >= neededMs || !children.some(({ kind }) => kind === 'sidekiq')) return [];
  const minSeconds = (neededMs + budgetMs - killAfterMs) / 1000;
  return [
    `SUPERVISE_STOP_TIMEOUT=${budgetMs / 1000} may lose jobs: sidekiq needs up to ${minSeconds} s to return them to Redis`,
  ];
}

/** The sidekiq processes of a dyno. queues: null means that sidekiq reads config/sidekiq.yml itself. */
export function sidekiqProcesses(settings: Settings, machine: Machine): readonly SidekiqProcess[] {
  const known = queuesOf(machine) ?? [];
  const all: readonly Queue[] | null = settings.RUN_SCHEDULE ? null : known.filter(({ name }) => name !== SCHEDULER);
  const processes = settings.SIDEKIQ_PROCESSES ?? [{ threads: settings.SIDEKIQ_THREADS, queues: null }];
  return processes.map(({ threads, queues }) => ({
    threads,
    queues: queues === null ? all : withWeights(queues, known),
  }));
}

/** The queues of config/sidekiq.yml; null if it is missing or cannot be read. */
function queuesOf(machine: Machine): readonly Queue[] | null {
  return machine.sidekiqYml === null ? null : readSidekiqYml(machine.sidekiqYml);
}

function withArguments(command: Words, ...more: string[]): Words {
  const [file, ...args] = command;
  return [file, ...args, ...more];
}
