import type { DynoStatus, DynoView, PlatformEvent } from '../simulation.ts';
import type { Rules } from './rules.ts';

/** The state of one dyno of the formation and of its instances: the current one first, then the draining ones. */
export type DynoState = Omit<DynoView, 'runs'> & {
  /** Only web dynos must listen on $PORT. */
  isWeb: boolean;
  command: string;
  instances: readonly Instance[];
  /** Instances so far. */
  instanceCount: number;
};

export type Instance = {
  id: number;
  /** `killed`: killed by the platform, which is a crash. `overdue`: killed after it was asked to stop. */
  phase: 'starting' | 'up' | 'stopping' | 'killed' | 'overdue';
  startedMs: number;
  /** When R14 was last logged. null while memory is within the quota. */
  lastR14Ms: number | null;
};

export type DynoEvent =
  | { type: 'start' }
  | { type: 'restart'; reason: 'deploy' | 'by-hand' | 'cycle' | 'resized' }
  | { type: 'configured'; command: string; quotaBytes: number }
  | { type: 'port-opened'; instance: number }
  /** orphans: processes that outlived the instance's first one. */
  | { type: 'exited'; instance: number; status: number; orphans: number }
  | { type: 'measured'; instance: number; bytes: number }
  | { type: 'boot-timeout'; instance: number }
  | { type: 'stop-timeout'; instance: number }
  | { type: 'cycle-due'; instance: number }
  | { type: 'cooled-off'; instance: number }
  | { type: 'stop' };

export type DynoEffect =
  | { type: 'start'; instance: number; command: string }
  | { type: 'terminate'; instance: number }
  | { type: 'kill'; instance: number }
  | { type: 'schedule'; event: DynoEvent; afterMs: number }
  | { type: 'log'; text: string }
  | { type: 'emit'; event: Omit<PlatformEvent, 'atMs' | 'dyno'> };

export type Transition = readonly [DynoState, ...DynoEffect[]];
export type InstanceExit = { status: number; orphans: number };
export function newDynoState(name: string, command: string, quotaBytes: number, nowMs: number): DynoState {
  const isWeb = name.startsWith('web.');
  const initial = { sinceMs: nowMs, crashes: 0, restartsAtMs: null, instances: [], instanceCount: 0 };
  return { name, isWeb, command, quotaBytes, state: 'down', ...initial };
}

/** Whether the instance runs and was not asked to stop. */
export function isCurrent({ phase }: Instance): boolean {
  return phase === 'starting' || phase === 'up';
}

export function killInstance(
  dyno: DynoState,
  instance: Instance,
  effects: readonly DynoEffect[],
  last: string,
): Transition {
  return [
    withInstance(dyno, { ...instance, phase: instance.phase === 'stopping' ? 'overdue' : 'killed' }),
    ...effects,
    { type: 'log', text: last },
    { type: 'kill', instance: instance.id },
  ];
}

export function changeStatus(dyno: DynoState, state: DynoStatus, nowMs: number): Transition {
  if (dyno.state === state) return [dyno];
  const from = dyno.state === 'cooling off' ? 'crashed' : dyno.state;
  return [
    { ...dyno, state, sinceMs: nowMs, restartsAtMs: null },
    { type: 'log', text: `State changed from ${from} to ${state}` },
    eventEffect('state', state, `${dyno.name} is ${state}`),
  ];
}

export function errorCode(label: string, text: string): DynoEffect[] {
  return [{ type: 'log', text }, eventEffect('error-code', label, text)];
}

export function eventEffect(kind: PlatformEvent['kind'], label: string, text: string, exit?: InstanceExit): DynoEffect {
  return { type: 'emit', event: { kind, label, text, ...(exit === undefined ? {} : { exit }) } };
}

export function bootTimeoutText({ bootMs }: Rules): string {
  return `Error R10 (Boot timeout) -> Web process failed to bind to $PORT within ${formatSeconds(bootMs)} of launch`;
}

export function exitTimeoutText({ stopMs }: Rules): string {
  return `Error R12 (Exit timeout) -> At least one process failed to exit within ${formatSeconds(stopMs)} of SIGTERM`;
}

function formatSeconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} seconds`;
}

export function withInstance(dyno: DynoState, instance: Instance): DynoState {
  return { ...dyno, instances: dyno.instances.map((other) => (other.id === instance.id ? instance : other)) };
}
