import type { Settings } from '../config/settings.ts';
import type { TuningVariable } from './spec.ts';

const MIN = 'RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO';
const GOAL = 'RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO';
const MAX = 'RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO';

/** Ruby's own ratios, the same in Ruby 2.4 to 4.0 (GC_HEAP_FREE_SLOTS_MIN_RATIO in gc.c, from 3.4 on in
 * gc/default/default.c). */
const RUBY_DEFAULTS = { [MIN]: 0.2, [GOAL]: 0.4, [MAX]: 0.65 } as const;

/** Chosen with `npm run memory -- ruby-gc`. With Ruby 3.1, a dyno with puma and sidekiq took 263 MB with Ruby's own
 * ratios, 196 MB with 0.10, 0.20 and 0.40, 192 MB with these, and 185 MB with 0.05, 0.10 and 0.20. The last ones
 * cost the most CPU time. */
const SMALL_HEAP: readonly TuningVariable[] = [
  { variable: MIN, value: '0.08', reason: 'Ruby grows its heap only when less than 8 % of it is free, not 20 %' },
  { variable: GOAL, value: '0.15', reason: 'Ruby grows its heap until 15 % of it is free, not 40 %' },
  { variable: MAX, value: '0.30', reason: 'Ruby may return pages when more than 30 % of its heap is free, not 65 %' },
];

/** Ratios of free slots for puma and sidekiq. All three or none: Ruby ignores a ratio that does not fit the other
 * two, so a default could disable a ratio that the user has set. Ruby's other garbage collector variables are limits
 * that work with any ratios. Release steps get no ratios: they end before a smaller heap would pay off. */
export function rubyGcVariables(settings: Settings): TuningVariable[] {
  const isSet = settings[MIN] !== null || settings[GOAL] !== null || settings[MAX] !== null;
  return isSet || settings.SUPERVISE_RUBY_GC === 'default' ? [] : [...SMALL_HEAP];
}

/** Warns about ratios that Ruby ignores. Ruby itself reports them only with -W. */
export function rubyGcWarnings(settings: Settings): string[] {
  const warnings: string[] = [];
  /** The ratio that Ruby uses: the user's, if Ruby accepts it. The lower bound is exclusive, the upper bound
   * inclusive. */
  const effective = (name: keyof typeof RUBY_DEFAULTS, above: number, max: number): number => {
    const value = settings[name];
    if (value === null) return RUBY_DEFAULTS[name];
    if ((value > above && value <= max) || (value === 0 && name === GOAL)) return value;
    warnings.push(`${name}=${value} is ignored by Ruby: expected more than ${above} and at most ${max}`);
    return RUBY_DEFAULTS[name];
  };
  const min = effective(MIN, 0, 1);
  const max = effective(MAX, min, 1);
  effective(GOAL, min, max);
  return warnings;
}
