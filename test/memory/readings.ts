import type { MemoryReading, ProcessUse } from '../../src/host.ts';
import type { Limits } from '../../src/memory/policy-state.ts';
import { child, MB } from '../fakes/plan.ts';

/** A quota of 512 MB as on Heroku's common runtime. */
export const limits: Limits = limitsOf(512);
export const specs = [child('puma'), child('sidekiq')];
export const allReady = new Set(['puma', 'sidekiq']);

export function limitsOf(megabytes: number): Limits {
  const at = (percent: number): number => (percent * megabytes * MB) / 100;
  return {
    bytes: megabytes * MB,
    thresholds: { warn: at(100), rearm: at(90), act: at(150), emergency: at(185), kill: at(200) },
  };
}

/** The pid of puma is 10 and of sidekiq 20; a process that they start has the next one. */
export function use(child: string, program: string, megabytes: number, more: Partial<ProcessUse> = {}): ProcessUse {
  const pid = child.startsWith('puma') ? 10 : 20;
  const parent = program.startsWith('ruby') ? 1 : pid;
  const own = { pid: program.startsWith('ruby') ? pid : pid + 1, parent, started: '5', name: program };
  return { ...own, child, program, bytes: megabytes * MB, ...more };
}

export function reading(atMs: number, ...processes: ProcessUse[]): MemoryReading {
  return { atMs, exact: true, processes, ownBytes: 0, cgroupBytes: null, costMs: 1 };
}

/** A dyno at rest: 200 MB of puma, 150 MB of sidekiq. */
export function atRest(atMs: number): MemoryReading {
  return reading(atMs, use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 150));
}
