import type { Quota } from './place.ts';
import type { Settings } from './settings.ts';
import type { Thresholds } from './spec.ts';

/** Per cent of the quota. */
type Percents = { warn: number; relieve: number; save: number; kill: number };
const VARIABLES = {
  warn: 'SUPERVISE_MEMORY_WARN_AT',
  relieve: 'SUPERVISE_MEMORY_RELIEVE_AT',
  save: 'SUPERVISE_MEMORY_SAVE_AT',
  kill: 'SUPERVISE_MEMORY_KILLS_AT',
} as const;
type Name = keyof typeof VARIABLES;
const ORDER = [
  ['warn', 'relieve'],
  ['relieve', 'save'],
  ['save', 'kill'],
] as const;
/** The total has to fall this far below the warning before it is given again: per cent of the quota. */
const REARM_BELOW = 10;

/** When to act, in bytes, and what contradicts itself; with a contradiction the thresholds mean nothing. */
export function thresholdsOf(settings: Settings, quota: Quota): { thresholds: Thresholds; problems: string[] } {
  const kill = settings.SUPERVISE_MEMORY_KILLS_AT ?? quota.killsAtPercent;
  const byDefault = defaultsFor(kill);
  const percents: Percents = {
    warn: settings.SUPERVISE_MEMORY_WARN_AT ?? byDefault.warn,
    relieve: settings.SUPERVISE_MEMORY_RELIEVE_AT ?? byDefault.relieve,
    save: settings.SUPERVISE_MEMORY_SAVE_AT ?? byDefault.save,
    kill,
  };
  const bytes = (percent: number): number => Math.round((quota.bytes * percent) / 100);
  const { warn, relieve, save } = percents;
  const thresholds = {
    warn: bytes(warn),
    rearm: bytes(Math.max(0, warn - REARM_BELOW)),
    relieve: bytes(relieve),
    save: bytes(save),
    kill: bytes(kill),
  };
  return { thresholds, problems: contradictions(percents, settings) };
}

/** 100, 150 and 185 where a dyno may swap up to 200 % of its quota (R14 and R15 of Heroku); 80, 88 and 95 where the kernel
 * ends it at 100 %; between and beyond on the lines through both. Below 100 they keep their part of it. */
function defaultsFor(kill: number): Omit<Percents, 'kill'> {
  if (kill < 100) return { warn: 0.8 * kill, relieve: 0.88 * kill, save: 0.95 * kill };
  const more = kill - 100;
  return { warn: 80 + 0.2 * more, relieve: 88 + 0.62 * more, save: 95 + 0.9 * more };
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
