import type { Role } from '../cli.ts';
import { ConfigError } from '../errors.ts';
import { releaseSteps, sidekiqSpecs, stopWarnings } from './commands.ts';
import { placeProblems } from './place-checks.ts';
import type { Place } from './place.ts';
import { nearMisses } from './near-misses.ts';
import { queueProblems, queueWarnings } from './queue-checks.ts';
import { allocator, allocatorWarnings } from './allocator.ts';
import { budgetOf } from './budget.ts';
import { poolWarnings } from './connections.ts';
import { memoryPlan, memoryProblems, memoryWarnings } from './memory-plan.ts';
import { concurrencyNotes } from './puma-workers.ts';
import { idleWarnings, routerPlan, routerProblems } from './router-plan.ts';
import { rubyGcWarnings } from './ruby-gc.ts';
import { serverSpecs } from './servers.ts';
import { readSettings, type Environment, type Settings } from './settings.ts';
import type { ChildSpec, Plan, RouterPlan, StopTimes } from './spec.ts';

/** What this process type runs with these variables in this place.
 * @throws ConfigError with everything that is wrong, before anything is started. */
export function makePlan(role: Role, env: Environment, place: Place): Plan {
  const { settings, problems } = readSettings(env);
  const plan = outline(role, settings, env, place);
  if (role === 'web') problems.push(...routerProblems(settings));
  problems.push(...placeProblems(plan, settings, env, place));
  if (plan.kind === 'serve') problems.push(...queueProblems(plan, settings, place), ...memoryProblems(settings, place));
  if (problems.length > 0) throw new ConfigError(problems);
  return plan;
}

function outline(role: Role, settings: Settings, env: Environment, place: Place): Plan {
  const stop = stopTimes(settings.SUPERVISE_STOP_TIMEOUT);
  if (role !== 'release') return servePlan(role, settings, env, place, stop);
  const misses = nearMisses(env);
  if (settings.RUN_STREAMING === 'true')
    return { kind: 'nothing', role, reason: 'Not migrating on this app', warnings: misses };
  const thrift = allocator(settings, place);
  const warnings = [...misses, ...allocatorWarnings(settings, place)];
  return { kind: 'release', role, steps: releaseSteps(settings, thrift), stop, thrift, warnings };
}

function servePlan(role: Role, settings: Settings, env: Environment, place: Place, stop: StopTimes): Plan {
  const router = role === 'web' ? routerPlan(settings, place) : null;
  const children =
    role === 'web' ? webChildren(settings, place, stop, router) : sidekiqSpecs(settings, place, stop, 'at-once');
  const budget = budgetOf(children, settings, place.quota, router !== null);
  const warnings = [
    ...nearMisses(env),
    ...poolWarnings(children, settings),
    ...queueWarnings(children, settings, place),
    ...stopWarnings(children, stop),
    ...(children.some(({ kind }) => kind !== 'streaming')
      ? [...allocatorWarnings(settings, place), ...rubyGcWarnings(settings)]
      : []),
    ...memoryWarnings(env, place.quota),
    ...(role === 'web' ? idleWarnings(settings, env) : []),
  ];
  return {
    kind: 'serve',
    role,
    children,
    stop,
    memory: memoryPlan(role, settings, env, place.quota),
    router,
    budget,
    notes: concurrencyNotes(children, settings, env),
    warnings,
  };
}

function webChildren(settings: Settings, place: Place, stop: StopTimes, router: RouterPlan | null): ChildSpec[] {
  const servers = serverSpecs(settings, place, stop, router);
  if (!settings.RUN_WORKER) return servers;
  const atMostMs = settings.SUPERVISE_START_TIMEOUT;
  const start = atMostMs === 0 ? 'at-once' : { afterReady: servers[0].name, atMostMs };
  return [...servers, ...sidekiqSpecs(settings, place, stop, start)];
}

/** What is left 1.5 s before the platform's KILL is killed; we are gone 0.3 s before it whatever happens. */
function stopTimes(budgetMs: number): StopTimes {
  return { budgetMs, killAfterMs: budgetMs - 1500, leaveAfterMs: budgetMs - 300 };
}
