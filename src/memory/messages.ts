import type { ChildName } from '../plan/spec.ts';
import { largest, megabytes } from '../units.ts';
import type { MemoryAction } from './policy-state.ts';
import type { Helper, Snapshot } from './snapshot.ts';

/** `memory 533 of 512 MB (104 %)` */
export function describeLevel(totalBytes: number, quotaBytes: number): string {
  const used = Math.round(totalBytes / 2 ** 20);
  return `memory ${used} of ${megabytes(quotaBytes)} (${percent(totalBytes, quotaBytes)} %)`;
}

/** `memory 973 of 512 MB (190 %), the platform kills at 200 %` */
export function describeDanger(totalBytes: number, quotaBytes: number, killBytes: number): string {
  return `${describeLevel(totalBytes, quotaBytes)}, the platform kills at ${percent(killBytes, quotaBytes)} %`;
}

/** `sidekiq, 300 MB`, or a helper */
export function describeLargest({ children, helpers, otherBytes }: Snapshot): string {
  const all = [
    ...[...children].map(([name, bytes]) => ({ text: `${name}, ${megabytes(bytes)}`, bytes })),
    ...helpers.map((helper) => ({ text: describeHelper(helper), bytes: helper.use.bytes })),
    { text: `other processes of the cgroup, ${megabytes(otherBytes)}`, bytes: otherBytes },
  ];
  return largest(all, ({ bytes }) => bytes)?.text ?? '';
}

/** `convert (started by sidekiq), 243 MB and growing 310 MB/s` */
export function describeHelper({ use, growth }: Helper): string {
  const growing = Math.round(growth / 2 ** 20) > 0 ? ` and growing ${megabytes(growth)}/s` : '';
  return `${use.name} (started by ${use.child}), ${megabytes(use.bytes)}${growing}`;
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
