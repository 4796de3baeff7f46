import type { Role } from '../cli.ts';
import type { Environment, Settings } from '../config/settings.ts';
import type { Machine, Quota } from './machine.ts';
import type { MemoryPlan, Thresholds } from './spec.ts';

const REMEDY = 'set SUPERVISE_MEMORY_QUOTA, such as 512M';

/** What is watched in this dyno. Without a quota nothing is weighed against anything. */
export function memoryPlan(role: Role, settings: Settings, env: Environment, quota: Quota | null): MemoryPlan {
  const logged = { logEveryMs: settings.SUPERVISE_MEMORY_LOG, source: env.DYNO || `${role}.1` };
  if (quota === null) return { quota, guard: 'off', ...logged };
  const { thresholds } = thresholdsOf(settings, quota);
  return { quota: { ...quota, thresholds }, guard: settings.SUPERVISE_MEMORY_GUARD, ...logged };
}

export function memoryProblems(settings: Settings, { quota }: Machine): string[] {
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

/** Per cent of the quota. */
type Percents = { warn: number; act: number; emergency: number; kill: number };
const VARIABLES = {
  warn: 'SUPERVISE_MEMORY_WARN_AT',
  act: 'SUPERVISE_MEMORY_ACT_AT',
  emergency: 'SUPERVISE_MEMORY_EMERGENCY_AT',
  kill: 'SUPERVISE_MEMORY_KILLS_AT',
} as const;
type Name = keyof typeof VARIABLES;
const ORDER = [
  ['warn', 'act'],
  ['act', 'emergency'],
  ['emergency', 'kill'],
] as const;
/** The total has to fall this far below the warning before it is given again: per cent of the quota. */
const REARM_BELOW = 10;

/** When to act, in bytes, and what contradicts itself; with a contradiction the thresholds mean nothing. */
export function thresholdsOf(settings: Settings, quota: Quota): { thresholds: Thresholds; problems: string[] } {
  const kill = settings.SUPERVISE_MEMORY_KILLS_AT ?? quota.killsAtPercent;
  const byDefault = defaultsFor(kill);
  const percents: Percents = {
    warn: settings.SUPERVISE_MEMORY_WARN_AT ?? byDefault.warn,
    act: settings.SUPERVISE_MEMORY_ACT_AT ?? byDefault.act,
    emergency: settings.SUPERVISE_MEMORY_EMERGENCY_AT ?? byDefault.emergency,
    kill,
  };
  const bytes = (percent: number): number => Math.round((quota.bytes * percent) / 100);
  const { warn, act, emergency } = percents;
  const thresholds = {
    warn: bytes(warn),
    rearm: bytes(Math.max(0, warn - REARM_BELOW)),
    act: bytes(act),
    emergency: bytes(emergency),
    kill: bytes(kill),
  };
  return { thresholds, problems: contradictions(percents, settings) };
}

/** 100, 150 and 185 where a dyno may swap up to 200 % of its quota (R14 and R15 of Heroku); 80, 88 and 95 where the kernel
 * ends it at 100 %; between and beyond on the lines through both. Below 100 they keep their part of it. */
function defaultsFor(kill: number): Omit<Percents, 'kill'> {
  if (kill < 100) return { warn: 0.8 * kill, act: 0.88 * kill, emergency: 0.95 * kill };
  const more = kill - 100;
  return { warn: 80 + 0.2 * more, act: 88 + 0.62 * more, emergency: 95 + 0.9 * more };
}

function contradictions(percents: Percents, settings: Settings): string[] {
  return ORDER.filter(([lower, higher]) => percents[lower] >= percents[higher]).map(([lower, higher]) => {
    const said = (name: Name): string => {
      const isSet = settings[VARIABLES[name]] !== null;
      return `${VARIABLES[name]}=${Math.round(percents[name] * 10) / 10}${isSet ? '' : ' (its default here)'}`;
    };
    return `${said(lower)}: expected less than ${said(higher)}`;
  });
}
