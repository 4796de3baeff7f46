import type { Role } from '../cli.ts';
import { type Config, type Environment, type Settings } from '../config/settings.ts';
import { typoWarnings } from '../config/typo-warnings.ts';
import { ConfigError } from '../errors.ts';
import { budgetOf } from './budget.ts';
import { checkoutProblems, queueProblems, queueWarnings } from './checks.ts';
import { releaseSteps, sidekiqSpecs, stopWarnings } from './commands.ts';
import type { Machine } from './machine.ts';
import { memoryPlan, memoryProblems, memoryWarnings } from './memory-plan.ts';
import { filesPlan, type FilesPlan, filesProblems, filesWarnings } from './open-files.ts';
import { poolWarnings } from './resources.ts';
import { idleWarnings, routerPlan, routerProblems, type Routes } from './router-plan.ts';
import { rubyGcWarnings } from './ruby-gc.ts';
import { serverSpecs } from './servers.ts';
import type { ChildSpec, Plan, StopTimes } from './spec.ts';
import { allocatorVariables, allocatorWarnings, concurrencyNotes } from './tuning.ts';

/** What this process type runs with these settings on this machine.
 * @throws ConfigError with everything that is wrong, before anything is started. */
export function makePlan(role: Role, { env, settings, problems: wrong }: Config, machine: Machine): Plan {
  const problems = [...wrong];
  const { plan, files } = outline(role, settings, env, machine);
  if (role === 'web') problems.push(...routerProblems(settings));
  problems.push(...checkoutProblems(plan, settings, env, machine));
  if (files !== null) problems.push(...filesProblems(files));
  if (plan.kind === 'serve') {
    problems.push(...queueProblems(plan, settings, machine), ...memoryProblems(settings, machine));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return plan;
}

/** files: what it needs of the limit of open files; null where nothing runs. */
type Outline = { plan: Plan; files: FilesPlan | null };

function outline(role: Role, settings: Settings, env: Environment, place: Machine): Outline {
  const stop = stopTimes(settings.SUPERVISE_STOP_TIMEOUT);
  if (role !== 'release') return servePlan(role, settings, env, place, stop);
  const misses = typoWarnings(env);
  if (settings.RUN_STREAMING === 'true')
    return { plan: { kind: 'nothing', role, reason: 'Not migrating on this app', warnings: misses }, files: null };
  const files = filesPlan(place.openFiles, { children: [], isPrefixed: false }, null);
  const tuning = allocatorVariables(settings, place);
  const warnings = [...misses, ...allocatorWarnings(settings, place), ...filesWarnings(files)];
  return {
    plan: { kind: 'release', role, steps: releaseSteps(settings, tuning), stop, tuning: tuning, warnings },
    files,
  };
}

function servePlan(role: Role, settings: Settings, env: Environment, place: Machine, stop: StopTimes): Outline {
  const routes = role === 'web' ? routerPlan(settings, place) : null;
  const children =
    role === 'web' ? webChildren(settings, place, stop, routes) : sidekiqSpecs(settings, place, stop, 'at-once');
  const budget = budgetOf(children, settings, place.quota, routes !== null);
  const isPrefixed = settings.SUPERVISE_LOG_PREFIX === 'true';
  const files = filesPlan(place.openFiles, { children, isPrefixed }, routes);
  const router = routes === null ? null : { ...routes, maxConnections: files.maxConnections ?? 0 };
  const warnings = [
    ...typoWarnings(env),
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

function webChildren(settings: Settings, place: Machine, stop: StopTimes, router: Routes | null): ChildSpec[] {
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
