import { pumaThreads } from './resources.ts';
import type { Machine } from './machine.ts';
import { pumaProcesses } from './tuning.ts';
import type { Environment, Settings } from '../config/settings.ts';
import type { RouterPlan, Upstream } from './spec.ts';

/** The plan without the figure that depends on the children. */
export type Routes = Omit<RouterPlan, 'maxConnections'>;

/** The router of a web dyno; null if puma or streaming listens on the dyno's port itself. */
export function routerPlan(settings: Settings, { socketFolder: folder, quota }: Machine): Routes | null {
  if (!hasRouter(settings)) return null;
  const { PORT, BIND, RUN_STREAMING } = settings;
  const upstream = (child: 'puma' | 'streaming', onDemand: boolean, maxKeptConnections: number): Upstream => {
    return { child, socket: `${folder}/${child}.sock`, onDemand, maxKeptConnections };
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

/** Settings of a web dyno that contradict each other about the router. */
export function routerProblems(settings: Settings): string[] {
  const { RUN_STREAMING, SUPERVISE_ROUTER, SOCKET } = settings;
  const problems: string[] = [];
  if (SUPERVISE_ROUTER === 'true' && RUN_STREAMING === 'true') {
    problems.push('SUPERVISE_ROUTER=true needs puma, but RUN_STREAMING=true does not run it; change one of them');
  }
  if (SUPERVISE_ROUTER === 'false' && hasRouter(settings)) {
    problems.push(
      `RUN_STREAMING=${RUN_STREAMING} needs the router, but SUPERVISE_ROUTER=false disables it; change one of them`,
    );
  }
  if (SOCKET !== null && hasRouter(settings)) {
    problems.push(
      'SOCKET cannot be used with the router, which listens on PORT and gives puma and streaming their own sockets; unset SOCKET',
    );
  }
  return problems;
}

/** Warns about a setting for on-demand streaming in a dyno without it. */
export function idleWarnings({ RUN_STREAMING }: Settings, { SUPERVISE_STREAMING_IDLE: idle }: Environment): string[] {
  if (!idle || RUN_STREAMING === 'on-demand') return [];
  return [
    `SUPERVISE_STREAMING_IDLE=${idle} has no effect: idle streaming is stopped only with RUN_STREAMING=on-demand`,
  ];
}

/** With RUN_STREAMING=true there is no puma, and a router would have nothing to do. */
function hasRouter({ RUN_STREAMING, SUPERVISE_ROUTER }: Settings): boolean {
  return RUN_STREAMING === null ? SUPERVISE_ROUTER === 'true' : RUN_STREAMING !== 'true';
}

/** Removes the brackets around an IPv6 address. */
export function bareAddress(bind: string): string {
  return bind.replace(/^\[(.*)\]$/, '$1');
}
