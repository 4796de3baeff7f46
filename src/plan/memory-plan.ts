import type { Role } from '../cli.ts';
import type { Place, Quota } from './place.ts';
import type { Environment, Settings } from './settings.ts';
import type { MemoryPlan } from './spec.ts';
import { thresholdsOf } from './thresholds.ts';

const REMEDY = 'set SUPERVISE_MEMORY_QUOTA, such as 512M';

/** What is watched in this dyno. Without a quota nothing is weighed against anything. */
export function memoryPlan(role: Role, settings: Settings, env: Environment, quota: Quota | null): MemoryPlan {
  const logged = { logEveryMs: settings.SUPERVISE_MEMORY_LOG, source: env.DYNO || `${role}.1` };
  if (quota === null) return { quota, guard: 'off', ...logged };
  const { thresholds } = thresholdsOf(settings, quota);
  return { quota: { ...quota, thresholds }, guard: settings.SUPERVISE_MEMORY_GUARD, ...logged };
}

export function memoryProblems(settings: Settings, { quota }: Place): string[] {
  return quota === null ? [] : thresholdsOf(settings, quota).problems;
}

/** No quota: said once, and as a mistake to whoever has asked for the guard. */
export function memoryWarnings(env: Environment, quota: Quota | null): string[] {
  if (quota !== null) return [];
  const asked = env.SUPERVISE_MEMORY_GUARD;
  if (asked === 'off') return [];
  if (asked)
    return [`SUPERVISE_MEMORY_GUARD=${asked} does nothing, because nobody says what memory there is: ${REMEDY}`];
  return [`nobody says what memory there is, so nothing watches it: ${REMEDY}`];
}
