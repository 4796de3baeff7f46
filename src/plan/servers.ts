import type { Settings } from '../config/settings.ts';
import { listenAddress } from './listen-address.ts';
import type { Machine } from './machine.ts';
import {
  databaseConnections,
  ownPool,
  pumaMemory,
  pumaThreads,
  redisConnections,
  streamingMemory,
} from './resources.ts';
import type { Routes } from './router-plan.ts';
import type { ChildSpec, StopTimes } from './spec.ts';
import { environmentOf, tuningFor, withoutBuildpackValue } from './tuning.ts';

/** Milliseconds: a request that takes longer, such as an upload, is left to puma's own drain. */
const DRAIN_AT_MOST_MS = 10_000;

type Servers = [first: ChildSpec, ...more: ChildSpec[]];

/** What answers requests in a web dyno; sidekiq waits for the first. */
export function serverSpecs(settings: Settings, place: Machine, stop: StopTimes, router: Routes | null): Servers {
  if (router !== null) return behind(router, settings, place, stop);
  if (settings.RUN_STREAMING === 'true') return [streamingSpec(settings, place, null, !settings.RUN_WORKER)];
  return [pumaSpec(settings, place, null)];
}

/** `inline` starts streaming beside puma, not after it: it takes a second of CPU, and does not need Rails to answer. */
function behind({ puma, streaming }: Routes, settings: Settings, place: Machine, stop: StopTimes): Servers {
  const first = routedPuma(pumaSpec(settings, place, puma.socket), stop);
  if (streaming === null) return [first];
  const second = streamingSpec(settings, place, streaming.socket, false);
  if (!streaming.onDemand) return [first, second];
  return [first, { ...second, start: { onDemand: { idleMs: settings.SUPERVISE_STREAMING_IDLE } } }];
}

/** The router queues its requests while it restarts, so it can be restarted. In a cluster a single worker is restarted instead. */
function routedPuma(spec: ChildSpec, stop: StopTimes): ChildSpec {
  const restart = { quiet: null, idleTitle: '', quietMs: drainMs(stop), everyMs: null };
  const memory = spec.memory.workers === 0 ? { ...spec.memory, restart } : spec.memory;
  return { ...spec, memory, drainMs: drainMs(stop) };
}

/** How long puma's TERM waits for its requests in flight, in milliseconds: puma answers what it has accepted before it ends,
 * but not what is still in the queue of its socket (lib/puma/server.rb, unless drain_on_shutdown is set). At most a third of
 * the time there is, so that two thirds are left for puma's own drain. */
function drainMs({ killAfterMs }: StopTimes): number {
  return Math.min(DRAIN_AT_MOST_MS, Math.floor(killAfterMs / 3));
}

function pumaSpec(settings: Settings, place: Machine, socket: string | null): ChildSpec {
  const tuning = tuningFor('puma', settings, place, false);
  const { env, ready } = listenAddress(settings, { socket, port: 3000, path: '/health', settleMs: 0 });
  return {
    name: 'puma',
    kind: 'puma',
    command: settings.PUMA_COMMAND,
    env: { ...env, ...ownPool('puma', settings), ...withoutBuildpackValue(settings), ...environmentOf(tuning) },
    tuning: tuning,
    start: 'at-once',
    ready,
    forwards: ['SIGUSR1', 'SIGUSR2'],
    threads: pumaThreads(settings),
    queues: null,
    databaseConnections: databaseConnections('puma', settings, place.quota),
    redisConnections: redisConnections('puma', settings, place.quota),
    memory: pumaMemory(settings, place),
    socket,
    drainMs: null,
  };
}

/** isAlone: nothing else runs in this dyno. */
function streamingSpec(settings: Settings, place: Machine, socket: string | null, isAlone: boolean): ChildSpec {
  const tuning = tuningFor('streaming', settings, place, isAlone);
  const settleMs = settings.SUPERVISE_STREAMING_SETTLE;
  const { env, ready } = listenAddress(settings, { socket, port: 4000, path: '/api/v1/streaming/health', settleMs });
  return {
    name: 'streaming',
    kind: 'streaming',
    command: settings.STREAMING_COMMAND,
    env: { ...env, ...ownPool('streaming', settings), ...environmentOf(tuning) },
    tuning: tuning,
    start: 'at-once',
    ready,
    forwards: [],
    threads: null,
    queues: null,
    databaseConnections: databaseConnections('streaming', settings, place.quota),
    redisConnections: redisConnections('streaming', settings, place.quota),
    memory: streamingMemory(),
    socket,
    drainMs: null,
  };
}
