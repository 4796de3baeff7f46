import { clock } from './host/clock.ts';
import type { NodeHost } from './host/node-host.ts';
import { memoryReader } from './host/memory-reader.ts';
import { Guard, type GuardOptions } from './memory/guard.ts';

/** A guard for what this host runs; null where there is no /proc to read. A file of its own, loaded when the children
 * have started and only where there is something to watch. */
export function guardDyno(host: NodeHost, options: Omit<GuardOptions, 'reader' | 'clock' | 'sacrifice'>): Guard | null {
  const reader = memoryReader(() => host.family(), options.plan.memory.quota?.cgroup ?? null, clock);
  if (reader === null) return null;
  return new Guard({ ...options, reader, clock, sacrifice: (id) => host.sacrifice(id) });
}
