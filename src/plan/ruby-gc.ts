import type { Settings } from '../config/settings.ts';
import type { TuningVariable } from './spec.ts';

const MIN = 'RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO';
const GOAL = 'RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO';
const MAX = 'RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO';

/** Ruby's own ratios, the same from 2.4 to 4.0: gc.c, from 3.4 on gc/default/default.c, GC_HEAP_FREE_SLOTS_MIN_RATIO. */
const RUBY_DEFAULTS = { [MIN]: 0.2, [GOAL]: 0.4, [MAX]: 0.65 } as const;

/** Chosen with `npm run memory -- ruby-gc`. With Ruby 3.1 a dyno with puma and sidekiq took 263 MB with Ruby's own ratios,
 * 196 MB with 0.10, 0.20 and 0.40, 192 MB with these, and 185 MB with 0.05, 0.10 and 0.20. The last of them cost
 * the most CPU time. */
const SMALL_HEAP: readonly TuningVariable[] = [
  { variable: MIN, value: '0.08', why: 'Ruby grows its heap only when less than 8 % of it is free, not 20 %' },
  { variable: GOAL, value: '0.15', why: 'Ruby grows its heap until 15 % of it is free, not 40 %' },
  { variable: MAX, value: '0.30', why: 'Ruby may return pages when more than 30 % of its heap is free, not 65 %' },
];

/** Ratios of free slots for puma and sidekiq. All three or none: Ruby ignores a ratio that does not fit the other two, so
 * ours beside one of the user's could disable the user's. The other variables of Ruby's garbage collector are floors and
 * caps that hold with any ratios. Not for release steps, which end before a smaller heap would pay. */
export function rubyGcVariables(settings: Settings): TuningVariable[] {
  const isSet = settings[MIN] !== null || settings[GOAL] !== null || settings[MAX] !== null;
  return isSet || settings.SUPERVISE_RUBY_GC === 'default' ? [] : [...SMALL_HEAP];
}

/** Ratios of the user's that Ruby ignores. Ruby reports them with -W only. */
export function rubyGcWarnings(settings: Settings): string[] {
  const warnings: string[] = [];
  /** What Ruby uses: the user's ratio where Ruby accepts it. A lower bound is exclusive, an upper bound inclusive. */
  const effective = (name: keyof typeof RUBY_DEFAULTS, above: number, most: number): number => {
    const value = settings[name];
    if (value === null) return RUBY_DEFAULTS[name];
    if ((value > above && value <= most) || (value === 0 && name === GOAL)) return value;
    warnings.push(`${name}=${value} is ignored by Ruby: expected more than ${above} and at most ${most}`);
    return RUBY_DEFAULTS[name];
  };
  const min = effective(MIN, 0, 1);
  const max = effective(MAX, min, 1);
  effective(GOAL, min, max);
  return warnings;
}
