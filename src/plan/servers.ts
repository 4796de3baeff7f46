import type { Settings } from '../config/settings.ts';
import type { Machine } from './machine.ts';
import {
  databaseConnections,
  ownPool,
  pumaMemory,
  pumaThreads,
  redisConnections,
  streamingMemory,
} from './resources.ts';
import { bareAddress, type Routes } from './router-plan.ts';
import type { ChildSpec, EnvironmentChange, Readiness, StopTimes } from './spec.ts';
import { environmentOf, tuningFor, withoutBuildpackValue } from './tuning.ts';

/** A request that takes longer, such as an upload, is left to puma's own shutdown. */
const MAX_DRAIN_MS = 10_000;

type Servers = [first: ChildSpec, ...more: ChildSpec[]];

/** The servers of a web dyno. Sidekiq waits for the first one to be ready. */
export function serverSpecs(settings: Settings, machine: Machine, stop: StopTimes, router: Routes | null): Servers {
  if (router !== null) return routedSpecs(router, settings, machine, stop);
  if (settings.RUN_STREAMING === 'true') return [streamingSpec(settings, machine, null, !settings.RUN_WORKER)];
  return [pumaSpec(settings, machine, null)];
}

/** `inline` starts streaming together with puma: streaming boots with one second of CPU time and does not need
 * Rails. */
function routedSpecs({ puma, streaming }: Routes, settings: Settings, machine: Machine, stop: StopTimes): Servers {
  const first = routedPuma(pumaSpec(settings, machine, puma.socket), stop);
  if (streaming === null) return [first];
  const second = streamingSpec(settings, machine, streaming.socket, false);
  if (!streaming.onDemand) return [first, second];
  return [first, { ...second, start: { onDemand: { idleMs: settings.SUPERVISE_STREAMING_IDLE } } }];
}

/** Puma behind a router can be restarted, because the router queues its requests meanwhile. In a cluster, a single
 * worker is restarted instead. */
function routedPuma(spec: ChildSpec, stop: StopTimes): ChildSpec {
  const restart = { quietSignal: null, idleTitle: '', quietMs: drainMs(stop), everyMs: null };
  const memory = spec.memory.workers === 0 ? { ...spec.memory, restart } : spec.memory;
  return { ...spec, memory, drainMs: drainMs(stop) };
}

/** How long puma's SIGTERM waits for the requests in flight. Puma finishes the requests that it has accepted, but
 * not those in the backlog of its socket (lib/puma/server.rb, unless drain_on_shutdown is set). At most a third of
 * the available time, so that two thirds are left for puma's own shutdown. */
function drainMs({ killAfterMs }: StopTimes): number {
  return Math.min(MAX_DRAIN_MS, Math.floor(killAfterMs / 3));
}

function pumaSpec(settings: Settings, machine: Machine, socket: string | null): ChildSpec {
  const tuning = tuningFor('puma', settings, machine, false);
  const { env, ready } = listenAddress(settings, { socket, port: 3000, path: '/health', settleMs: 0 });
  return {
    name: 'puma',
    kind: 'puma',
    command: settings.PUMA_COMMAND,
    env: { ...env, ...ownPool('puma', settings), ...withoutBuildpackValue(settings), ...environmentOf(tuning) },
    tuning,
    start: 'at-once',
    ready,
    forwardedSignals: ['SIGUSR1', 'SIGUSR2'],
    threads: pumaThreads(settings),
    queues: null,
    databaseConnections: databaseConnections('puma', settings, machine.quota),
    redisConnections: redisConnections('puma', settings, machine.quota),
    memory: pumaMemory(settings, machine),
    socket,
    drainMs: null,
  };
}

/** isAlone: no other child runs in this dyno. */
function streamingSpec(settings: Settings, machine: Machine, socket: string | null, isAlone: boolean): ChildSpec {
  const tuning = tuningFor('streaming', settings, machine, isAlone);
  const settleMs = settings.SUPERVISE_STREAMING_SETTLE;
  const { env, ready } = listenAddress(settings, { socket, port: 4000, path: '/api/v1/streaming/health', settleMs });
  return {
    name: 'streaming',
    kind: 'streaming',
    command: settings.STREAMING_COMMAND,
    env: { ...env, ...ownPool('streaming', settings), ...environmentOf(tuning) },
    tuning,
    start: 'at-once',
    ready,
    forwardedSignals: [],
    threads: null,
    queues: null,
    databaseConnections: databaseConnections('streaming', settings, machine.quota),
    redisConnections: redisConnections('streaming', settings, machine.quota),
    memory: streamingMemory(),
    socket,
    drainMs: null,
  };
}

/** socket: its own socket behind the router; null without a router. port: its default port without a router. path:
 * answered once it is ready. settleMs: how long it must have answered. */
type Server = { socket: string | null; port: number; path: string; settleMs: number };

/** The variables that tell a server where to listen, and how its readiness is observed. Behind the router it gets
 * only its socket, so that it cannot take the port of the dyno. */
function listenAddress(
  settings: Settings,
  { socket, port, path, settleMs }: Server,
): { env: EnvironmentChange; ready: Readiness } {
  if (socket !== null) {
    return { env: { SOCKET: socket, PORT: null, BIND: null }, ready: { kind: 'http', at: { socket }, path, settleMs } };
  }
  const env: EnvironmentChange = settings.BIND === null ? { BIND: '0.0.0.0' } : {};
  if (settings.SOCKET !== null)
    return { env, ready: { kind: 'http', at: { socket: settings.SOCKET }, path, settleMs } };
  const host = reachableAddress(settings.BIND ?? '0.0.0.0');
  return { env, ready: { kind: 'http', at: { host, port: settings.PORT ?? port }, path, settleMs } };
}

/** The address at which a server that binds `bind` can be reached. */
function reachableAddress(bind: string): string {
  const address = bareAddress(bind);
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
}
