import { pumaMemory, streamingMemory } from './child-memory.ts';
import { databaseConnections, ownPool, pumaThreads, redisConnections } from './connections.ts';
import { listening } from './listening.ts';
import type { Place } from './place.ts';
import { withoutBuildpackValue } from './puma-workers.ts';
import type { Routes } from './router-plan.ts';
import type { Settings } from './settings.ts';
import type { ChildSpec, StopTimes } from './spec.ts';
import { environmentOf, thriftOf } from './thrift.ts';

/** Milliseconds: a request that takes longer, such as an upload, is left to puma's own drain. */
const DRAIN_AT_MOST_MS = 10_000;

type Servers = [first: ChildSpec, ...more: ChildSpec[]];

/** What answers requests in a web dyno; sidekiq waits for the first. */
export function serverSpecs(settings: Settings, place: Place, stop: StopTimes, router: Routes | null): Servers {
  if (router !== null) return behind(router, settings, place, stop);
  if (settings.RUN_STREAMING === 'true') return [streamingSpec(settings, place, null, !settings.RUN_WORKER)];
  return [pumaSpec(settings, place, null)];
}

/** `inline` starts streaming beside puma, not after it: it takes a second of CPU, and does not need Rails to answer. */
function behind({ puma, streaming }: Routes, settings: Settings, place: Place, stop: StopTimes): Servers {
  const first = routedPuma(pumaSpec(settings, place, puma.socket), stop);
  if (streaming === null) return [first];
  const second = streamingSpec(settings, place, streaming.socket, false);
  if (!streaming.onDemand) return [first, second];
  return [first, { ...second, start: { onDemand: { idleMs: settings.SUPERVISE_STREAMING_IDLE } } }];
}

/** Its requests can be held while it restarts, so it can be recycled; a worker of a cluster is restarted alone. */
function routedPuma(spec: ChildSpec, stop: StopTimes): ChildSpec {
  const recycle = { quiet: null, idleTitle: '', quietMs: drainMs(stop), everyMs: null };
  const memory = spec.memory.workers === 0 ? { ...spec.memory, recycle } : spec.memory;
  return { ...spec, memory, drainMs: drainMs(stop) };
}

/** How long puma's TERM waits for its requests in flight, in milliseconds: puma answers what it has accepted before it ends,
 * but not what is still in the queue of its socket (lib/puma/server.rb, unless drain_on_shutdown is set). At most a third of
 * the time there is, so that two thirds are left for puma's own drain. */
function drainMs({ killAfterMs }: StopTimes): number {
  return Math.min(DRAIN_AT_MOST_MS, Math.floor(killAfterMs / 3));
}

function pumaSpec(settings: Settings, place: Place, socket: string | null): ChildSpec {
  const thrift = thriftOf('puma', settings, place, false);
  const { env, ready } = listening(settings, { socket, port: 3000, path: '/health', settleMs: 0 });
  return {
    name: 'puma',
    kind: 'puma',
    command: settings.PUMA_COMMAND,
    env: { ...env, ...ownPool('puma', settings), ...withoutBuildpackValue(settings), ...environmentOf(thrift) },
    thrift,
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
function streamingSpec(settings: Settings, place: Place, socket: string | null, isAlone: boolean): ChildSpec {
  const thrift = thriftOf('streaming', settings, place, isAlone);
  const settleMs = settings.SUPERVISE_STREAMING_SETTLE;
  const { env, ready } = listening(settings, { socket, port: 4000, path: '/api/v1/streaming/health', settleMs });
  return {
    name: 'streaming',
    kind: 'streaming',
    command: settings.STREAMING_COMMAND,
    env: { ...env, ...ownPool('streaming', settings), ...environmentOf(thrift) },
    thrift,
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
