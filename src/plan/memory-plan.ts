import type { Role } from '../cli.ts';
import type { Environment, Settings } from '../config/settings.ts';
import type { Machine, Quota } from './machine.ts';
import type { MemoryPlan, Thresholds } from './spec.ts';

/** Without a quota, the memory guard is off. */
export function memoryPlan(role: Role, settings: Settings, env: Environment, quota: Quota | null): MemoryPlan {
  const logging = { logEveryMs: settings.SUPERVISE_MEMORY_LOG, source: env.DYNO || `${role}.1` };
  if (quota === null) return { quota, guard: 'off', ...logging };
  const { thresholds } = thresholdsOf(settings, quota);
  return { quota: { ...quota, thresholds }, guard: settings.SUPERVISE_MEMORY_GUARD, ...logging };
}

export function memoryProblems(settings: Settings, { quota }: Machine): string[] {
  return quota === null ? [] : thresholdsOf(settings, quota).problems;
}

/** Warns if there is no quota, unless the guard is switched off. */
export function memoryWarnings(env: Environment, quota: Quota | null): string[] {
  if (quota !== null) return [];
  const guard = env.SUPERVISE_MEMORY_GUARD;
  if (guard === 'off') return [];
  const subject = guard ? `SUPERVISE_MEMORY_GUARD=${guard} has no effect: ` : '';
  return [`${subject}no memory limit found; set SUPERVISE_MEMORY_QUOTA=512M to enable the memory guard`];
}

/** In ascending order. */
const VARIABLES = {
  warn: 'SUPERVISE_MEMORY_WARN_AT',
  act: 'SUPERVISE_MEMORY_ACT_AT',
  emergency: 'SUPERVISE_MEMORY_EMERGENCY_AT',
  kill: 'SUPERVISE_MEMORY_KILLS_AT',
} as const;
type Name = keyof typeof VARIABLES;
const NAMES = Object.keys(VARIABLES) as Name[];
/** Percentages of the quota. */
type Percents = Record<Name, number>;
/** How far the total must fall below the warning threshold before the next warning, as a percentage of the quota. */
const REARM_BELOW = 10;

/** The thresholds in bytes. If there are problems, the thresholds are not in order and must not be used. */
export function thresholdsOf(settings: Settings, quota: Quota): { thresholds: Thresholds; problems: string[] } {
  const defaults = defaultsFor(settings.SUPERVISE_MEMORY_KILLS_AT ?? quota.killsAtPercent);
  const percentOf = (name: Name): number => settings[VARIABLES[name]] ?? defaults[name];
  const bytes = (percent: number): number => Math.round((quota.bytes * percent) / 100);
  const thresholds = {
    warn: bytes(percentOf('warn')),
    rearm: bytes(Math.max(0, percentOf('warn') - REARM_BELOW)),
    act: bytes(percentOf('act')),
    emergency: bytes(percentOf('emergency')),
    kill: bytes(percentOf('kill')),
  };
  const describe = (name: Name): string => {
    const isSet = settings[VARIABLES[name]] !== null;
    return `${VARIABLES[name]}=${Math.round(percentOf(name) * 10) / 10}${isSet ? '' : ' (the default here)'}`;
  };
  const problems = NAMES.flatMap((name, index) => {
    const higher = NAMES[index + 1];
    if (higher === undefined || percentOf(name) < percentOf(higher)) return [];
    return [`${describe(name)}: expected less than ${describe(higher)}`];
  });
  return { thresholds, problems };
}

/** 100, 150 and 185 if a dyno may swap up to 200 % of its quota (Heroku's R14 and R15); 80, 88 and 95 if the kernel
 * kills at 100 %. Other values above 100 are on the lines through these two points. Below 100, the thresholds are
 * the same parts of `kill` as at 100. */
function defaultsFor(kill: number): Percents {
  if (kill < 100) return { warn: 0.8 * kill, act: 0.88 * kill, emergency: 0.95 * kill, kill };
  const swap = kill - 100;
  return { warn: 80 + 0.2 * swap, act: 88 + 0.62 * swap, emergency: 95 + 0.9 * swap, kill };
}
