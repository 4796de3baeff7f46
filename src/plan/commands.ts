import type { Words } from '../config/parsers.ts';
import {
  type Queue,
  queueArguments,
  readSidekiqYml,
  SCHEDULER,
  type SidekiqProcess,
  withWeights,
} from '../config/queues.ts';
import type { SettingName, Settings } from '../config/settings.ts';
import type { Machine } from './machine.ts';
import { databaseConnections, ownPool, redisConnections, sidekiqMemory } from './resources.ts';
import type { ChildKind, ChildSpec, EnvironmentChange, ReleaseStep, StopTimes, TuningVariable } from './spec.ts';
import { environmentOf, tuningFor } from './tuning.ts';

/** Sidekiq's worst case after TERM beyond `-t`: 3 s for ensure blocks, and Redis. Measured: `-t 25` ends within 28.5 s. */
const SIDEKIQ_BEYOND_TIMEOUT_MS = 3500;
/** An idle thread may sit in a 2 s fetch (BRPOP) when sidekiq gives up the jobs in hand; with less than this it takes one
 * back and dies with it. Measured, jobs lost in 8 stops: 4 with `-t 1`, 1 with `-t 2`, none from `-t 3` on. */
const SIDEKIQ_LEAST_TIMEOUT_S = 3;
/** Mastodon's sidekiq touches the file of this name in tmp/ when it is ready (upstream's config/initializers/sidekiq.rb). */
const READY_VARIABLE = 'MASTODON_SIDEKIQ_READY_FILENAME';

export function sidekiqSpecs(
  settings: Settings,
  place: Machine,
  stop: StopTimes,
  start: ChildSpec['start'],
): ChildSpec[] {
  const processes = sidekiqProcesses(settings, place);
  const seconds = timeoutSeconds(stop);
  const tuning = tuningFor('sidekiq', settings, place, false);
  return processes.map(({ threads, queues }, index) => {
    const name = processes.length === 1 ? 'sidekiq' : `sidekiq-${index + 1}`;
    const readyFile = `${place.runId}-${name}.ready`;
    const size = ['-c', `${threads}`, '-t', `${seconds}`];
    return {
      name,
      kind: 'sidekiq',
      command: words(
        settings.SIDEKIQ_COMMAND,
        ...size,
        ...tag(settings.SIDEKIQ_COMMAND, name),
        ...queueArguments(queues),
      ),
      env: { ...ownPool('sidekiq', settings), [READY_VARIABLE]: readyFile, ...environmentOf(tuning) },
      tuning,
      start,
      ready: { by: 'file', variable: READY_VARIABLE, name: readyFile },
      forwards: ['SIGTTIN'],
      threads,
      queues: queues ?? queuesOf(place),
      databaseConnections: databaseConnections('sidekiq', settings, place.quota, threads),
      redisConnections: redisConnections('sidekiq', settings, place.quota, threads),
      memory: sidekiqMemory(settings, place, threads, index),
      socket: null,
      drainMs: null,
    };
  });
}

/** Sidekiq writes what it does over its command line, and only as much as fits in there. Its tag, which is the name of the
 * folder by default, comes first: a long one hides how busy it is, one from the command line brings its own space. */
function tag(command: Words, name: string): string[] {
  return command.some((word) => /^(-g|--tag)/.test(word)) ? [] : ['-g', name];
}

/** Sidekiq's `-t`: room for its worst case, and never so little that jobs get lost as long as there is time at all. */
function timeoutSeconds({ killAfterMs }: StopTimes): number {
  const withRoom = Math.floor((killAfterMs - SIDEKIQ_BEYOND_TIMEOUT_MS) / 1000);
  const atAll = Math.max(0, Math.floor(killAfterMs / 1000) - 1);
  return Math.max(withRoom, Math.min(SIDEKIQ_LEAST_TIMEOUT_S, atAll));
}

/** A budget too short for sidekiq's worst case. */
export function stopWarnings(children: readonly ChildSpec[], { budgetMs, killAfterMs }: StopTimes): string[] {
  const neededMs = SIDEKIQ_LEAST_TIMEOUT_S * 1000 + SIDEKIQ_BEYOND_TIMEOUT_MS;
  if (killAfterMs >= neededMs || !children.some(({ kind }) => kind === 'sidekiq')) return [];
  const least = (neededMs + budgetMs - killAfterMs) / 1000;
  return [
    `SUPERVISE_STOP_TIMEOUT=${budgetMs / 1000} may lose jobs: sidekiq needs ${least} s to give them back for sure`,
  ];
}

/** The sidekiq processes of a dyno with their queues settled; queues null leaves them to config/sidekiq.yml. */
export function sidekiqProcesses(settings: Settings, place: Machine): readonly SidekiqProcess[] {
  const known = queuesOf(place) ?? [];
  const all: readonly Queue[] | null = settings.RUN_SCHEDULE ? null : known.filter(({ name }) => name !== SCHEDULER);
  const asked = settings.SIDEKIQ_PROCESSES ?? [{ threads: settings.SIDEKIQ_THREADS, queues: null }];
  return asked.map(({ threads, queues }) => ({ threads, queues: queues === null ? all : withWeights(queues, known) }));
}

/** Migrations run without PORT: nothing in a release may take a dyno's port for its own. */
export function releaseSteps(settings: Settings, tuning: readonly TuningVariable[]): ReleaseStep[] {
  const env: EnvironmentChange = { PORT: null, ...environmentOf(tuning) };
  return [
    { name: 'migrate', command: settings.MIGRATE_COMMAND, env },
    { name: 'after-migrate', command: settings.AFTER_MIGRATE_COMMAND, env },
  ];
}

/** The variable that replaces a default command, and what Mastodon's default needs to be there. */
export type Need = { variable: Extract<SettingName, `${string}_COMMAND`>; path: keyof Machine['has'] };
export const DEFAULT_NEEDS: Readonly<Record<ChildKind | 'migrate' | 'afterMigrate', Need>> = {
  puma: { variable: 'PUMA_COMMAND', path: 'config/puma.rb' },
  sidekiq: { variable: 'SIDEKIQ_COMMAND', path: 'config/environment.rb' },
  streaming: { variable: 'STREAMING_COMMAND', path: 'streaming' },
  migrate: { variable: 'MIGRATE_COMMAND', path: 'config/environment.rb' },
  afterMigrate: { variable: 'AFTER_MIGRATE_COMMAND', path: 'config/environment.rb' },
};

/** The queues of config/sidekiq.yml, null where they cannot be told. */
function queuesOf(place: Machine): readonly Queue[] | null {
  return place.sidekiqYml === null ? null : readSidekiqYml(place.sidekiqYml);
}

function words(command: Words, ...more: string[]): Words {
  const [file, ...args] = command;
  return [file, ...args, ...more];
}
