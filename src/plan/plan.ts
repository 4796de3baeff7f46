import type { Role } from '../cli.ts';
import { ConfigError } from '../errors.ts';
import { pumaSpec, releaseSteps, sidekiqSpecs, stopWarnings, streamingSpec } from './commands.ts';
import { placeProblems } from './place-checks.ts';
import type { Place } from './place.ts';
import { nearMisses } from './near-misses.ts';
import { queueProblems, queueWarnings } from './queue-checks.ts';
import { poolWarnings } from './budget.ts';
import { readSettings, type Environment, type Settings } from './settings.ts';
import type { ChildSpec, MemoryPlan, Plan, StopTimes } from './spec.ts';

/** What this process type runs with these variables in this place.
 * @throws ConfigError with everything that is wrong, before anything is started. */
export function makePlan(role: Role, env: Environment, place: Place): Plan {
  const { settings, problems } = readSettings(env);
  const plan = outline(role, settings, place, nearMisses(env));
  problems.push(...placeProblems(plan, settings, env, place));
  if (plan.kind === 'serve') problems.push(...queueProblems(plan, settings, place));
  if (problems.length > 0) throw new ConfigError(problems);
  return plan;
}

function outline(role: Role, settings: Settings, place: Place, misses: readonly string[]): Plan {
  const stop = stopTimes(settings.SUPERVISE_STOP_TIMEOUT);
  if (role === 'release') {
    if (settings.RUN_STREAMING) return { kind: 'nothing', role, reason: 'Not migrating on this app', warnings: misses };
    return { kind: 'release', role, steps: releaseSteps(settings), stop, warnings: misses };
  }
  const children = role === 'web' ? webChildren(settings, place, stop) : sidekiqSpecs(settings, place, stop, 'at-once');
  const warnings = [
    ...misses,
    ...poolWarnings(children, settings),
    ...queueWarnings(children, settings, place),
    ...stopWarnings(children, stop),
  ];
  const memory: MemoryPlan = { quota: null, guard: 'off', logEveryMs: null, source: '' };
  return { kind: 'serve', role, children, stop, memory, warnings };
}

function webChildren(settings: Settings, place: Place, stop: StopTimes): ChildSpec[] {
  const first = settings.RUN_STREAMING ? streamingSpec(settings) : pumaSpec(settings);
  if (!settings.RUN_WORKER) return [first];
  const start = { afterReady: first.name, atMostMs: settings.SUPERVISE_START_TIMEOUT };
  return [first, ...sidekiqSpecs(settings, place, stop, start)];
}

/** What is left 1.5 s before the platform's KILL is killed; we are gone 0.3 s before it whatever happens. */
function stopTimes(budgetMs: number): StopTimes {
  return { budgetMs, killAfterMs: budgetMs - 1500, leaveAfterMs: budgetMs - 300 };
}
