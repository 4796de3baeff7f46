import { bareAddress } from './listen-address.ts';
import { pumaThreads } from './resources.ts';
import type { Machine } from './machine.ts';
import { pumaProcesses } from './tuning.ts';
import type { Environment, Settings } from '../config/settings.ts';
import type { RouterPlan, Upstream } from './spec.ts';

/** Without what is known only once the children are. */
export type Routes = Omit<RouterPlan, 'maxConnections'>;

/** The router of a web dyno; null where puma or streaming listens on the dyno's port itself. */
export function routerPlan(settings: Settings, { socketFolder: folder, quota }: Machine): Routes | null {
  if (!hasRouter(settings)) return null;
  const { PORT, BIND, RUN_STREAMING } = settings;
  const upstream = (child: 'puma' | 'streaming', onDemand: boolean, keeps: number): Upstream => {
    return { child, socket: `${folder}/${child}.sock`, onDemand, keeps };
  };
  const threads = pumaProcesses(settings, quota) * pumaThreads(settings);
  return {
    port: PORT ?? 3000,
    bind: BIND === null ? null : bareAddress(BIND),
    folder,
    puma: upstream('puma', false, threads),
    streaming: RUN_STREAMING === null ? null : upstream('streaming', RUN_STREAMING === 'on-demand', 0),
  };
}

/** Settings of a web dyno that contradict one another about its router. */
export function routerProblems(settings: Settings): string[] {
  const { RUN_STREAMING, SUPERVISE_ROUTER, SOCKET } = settings;
  const problems: string[] = [];
  if (SUPERVISE_ROUTER === 'true' && RUN_STREAMING === 'true') {
    problems.push(
      'SUPERVISE_ROUTER=true puts a router before puma, RUN_STREAMING=true runs no puma: change one of them',
    );
  }
  if (SUPERVISE_ROUTER === 'false' && hasRouter(settings)) {
    problems.push(
      `RUN_STREAMING=${RUN_STREAMING} needs the router, SUPERVISE_ROUTER=false forbids it: change one of them`,
    );
  }
  if (SOCKET !== null && hasRouter(settings)) {
    problems.push(
      'SOCKET is set, but the router listens on PORT and gives puma and streaming sockets of their own: unset it',
    );
  }
  return problems;
}

/** What is set for streaming on demand, and nothing runs on demand. */
export function idleWarnings({ RUN_STREAMING }: Settings, { SUPERVISE_STREAMING_IDLE: idle }: Environment): string[] {
  if (!idle || RUN_STREAMING === 'on-demand') return [];
  return [`SUPERVISE_STREAMING_IDLE=${idle} does nothing: only RUN_STREAMING=on-demand stops streaming in between`];
}

/** RUN_STREAMING=true runs no puma, so that there is nothing to stand before. */
function hasRouter({ RUN_STREAMING, SUPERVISE_ROUTER }: Settings): boolean {
  return RUN_STREAMING === null ? SUPERVISE_ROUTER === 'true' : RUN_STREAMING !== 'true';
}
