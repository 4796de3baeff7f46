import type { ChildName } from '../plan/spec.ts';
import { megabytes } from '../units.ts';
import type { MemoryAction } from './policy-state.ts';

/** `memory at 104 % of 512 MB` */
export function describeLevel(totalBytes: number, quotaBytes: number): string {
  return `memory at ${percent(totalBytes, quotaBytes)} % of ${megabytes(quotaBytes)}`;
}

/** `memory at 190 % of 512 MB, the platform kills at 200 %` */
export function describeDanger(totalBytes: number, quotaBytes: number, killBytes: number): string {
  return `${describeLevel(totalBytes, quotaBytes)}, the platform kills at ${percent(killBytes, quotaBytes)} %`;
}

/** What the action would do: `restart sidekiq gracefully`. onDemand: the child that would be stopped before the dyno is. */
export function describeAction(action: Exclude<MemoryAction, { type: 'report' }>, onDemand: ChildName | null): string {
  switch (action.type) {
    case 'restart':
      if (action.mode === 'graceful') return `restart ${action.child} gracefully`;
      return action.child === null ? `stop ${onDemand ?? 'the dyno'}` : `restart ${action.child} at once`;
    case 'end-process':
      return `${action.killAfterMs === 0 ? 'kill' : 'end'} ${action.name} (pid ${action.id.pid})`;
  }
}

function percent(bytes: number, quotaBytes: number): number {
  return Math.round((100 * bytes) / quotaBytes);
}
