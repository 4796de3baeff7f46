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
import { filesPlan, filesProblems, filesWarnings, type FilesPlan } from './open-files.ts';
import { concurrencyNotes } from './puma-workers.ts';
import { idleWarnings, routerPlan, routerProblems, type Routes } from './router-plan.ts';
import { rubyGcWarnings } from './ruby-gc.ts';
import { serverSpecs } from './servers.ts';
import { readSettings, type Environment, type Settings } from './settings.ts';
import type { ChildSpec, Plan, StopTimes } from './spec.ts';

/** What this process type runs with these variables in this place.
 * @throws ConfigError with everything that is wrong, before anything is started. */
export function makePlan(role: Role, env: Environment, place: Place): Plan {
  const { settings, problems } = readSettings(env);
  const { plan, files } = outline(role, settings, env, place);
  if (role === 'web') problems.push(...routerProblems(settings));
  problems.push(...placeProblems(plan, settings, env, place));
  if (files !== null) problems.push(...filesProblems(files));
  if (plan.kind === 'serve') problems.push(...queueProblems(plan, settings, place), ...memoryProblems(settings, place));
  if (problems.length > 0) throw new ConfigError(problems);
  return plan;
}

/** files: what it needs of the limit of open files; null where nothing runs. */
type Outline = { plan: Plan; files: FilesPlan | null };

function outline(role: Role, settings: Settings, env: Environment, place: Place): Outline {
  const stop = stopTimes(settings.SUPERVISE_STOP_TIMEOUT);
  if (role !== 'release') return servePlan(role, settings, env, place, stop);
  const misses = nearMisses(env);
  if (settings.RUN_STREAMING === 'true')
    return { plan: { kind: 'nothing', role, reason: 'Not migrating on this app', warnings: misses }, files: null };
  const files = filesPlan(place.openFiles, { children: [], isPrefixed: false }, null);
  const thrift = allocator(settings, place);
  const warnings = [...misses, ...allocatorWarnings(settings, place), ...filesWarnings(files)];
  return { plan: { kind: 'release', role, steps: releaseSteps(settings, thrift), stop, thrift, warnings }, files };
}

function servePlan(role: Role, settings: Settings, env: Environment, place: Place, stop: StopTimes): Outline {
  const routes = role === 'web' ? routerPlan(settings, place) : null;
  const children =
    role === 'web' ? webChildren(settings, place, stop, routes) : sidekiqSpecs(settings, place, stop, 'at-once');
  const budget = budgetOf(children, settings, place.quota, routes !== null);
  const isPrefixed = settings.SUPERVISE_LOG_PREFIX === 'true';
  const files = filesPlan(place.openFiles, { children, isPrefixed }, routes);
  const router = routes === null ? null : { ...routes, mostConnections: files.mostConnections ?? 0 };
  const warnings = [
    ...nearMisses(env),
    ...poolWarnings(children, settings),
    ...queueWarnings(children, settings, place),
    ...stopWarnings(children, stop),
    ...(children.some(({ kind }) => kind !== 'streaming')
      ? [...allocatorWarnings(settings, place), ...rubyGcWarnings(settings)]
      : []),
    ...memoryWarnings(env, place.quota),
    ...filesWarnings(files),
    ...(role === 'web' ? idleWarnings(settings, env) : []),
  ];
  const memory = memoryPlan(role, settings, env, place.quota);
  const notes = concurrencyNotes(children, settings, env);
  return { plan: { kind: 'serve', role, children, stop, memory, router, budget, notes, warnings }, files };
}

function webChildren(settings: Settings, place: Place, stop: StopTimes, router: Routes | null): ChildSpec[] {
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
