import type { Role } from '../cli.ts';
import type { Config, Environment, Settings } from '../config/settings.ts';
import { typoWarnings } from '../config/typo-warnings.ts';
import { ConfigError } from '../exit-status.ts';
import { counted } from '../units.ts';
import { budgetOf, totalConnections } from './budget.ts';
import { checkoutProblems, queueProblems, queueWarnings } from './checks.ts';
import type { Machine } from './machine.ts';
import { memoryPlan, memoryProblems, memoryWarnings } from './memory-plan.ts';
import { filesPlan, type FilesPlan, filesProblems, filesWarnings } from './open-files.ts';
import { poolWarnings } from './resources.ts';
import { idleWarnings, routerPlan, routerProblems, type Routes } from './router-plan.ts';
import { rubyGcWarnings } from './ruby-gc.ts';
import { serverSpecs } from './servers.ts';
import { sidekiqSpecs, stopWarnings } from './sidekiq.ts';
import type { ChildSpec, EnvironmentChange, Plan, ReleaseStep, StopTimes, TuningVariable } from './spec.ts';
import { allocatorVariables, allocatorWarnings, concurrencyNotes, environmentOf } from './tuning.ts';

/** What this process type runs with these settings on this machine.
 * @throws ConfigError with all problems */
export function makePlan(role: Role, { env, settings, problems: invalid }: Config, machine: Machine): Plan {
  const problems = [...invalid];
  const { plan, files } = draftPlan(role, settings, env, machine);
  if (role === 'web') problems.push(...routerProblems(settings));
  problems.push(...checkoutProblems(plan, settings, env, machine));
  if (files !== null) problems.push(...filesProblems(files));
  if (plan.kind === 'serve') {
    problems.push(...queueProblems(plan, settings, machine), ...memoryProblems(settings, machine));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return plan;
}

/** A plan that is not yet checked. files: null if nothing runs. */
type Draft = { plan: Plan; files: FilesPlan | null };

function draftPlan(role: Role, settings: Settings, env: Environment, machine: Machine): Draft {
  const stop = stopTimes(settings.SUPERVISE_STOP_TIMEOUT);
  if (role !== 'release') return servePlan(role, settings, env, machine, stop);
  const typos = typoWarnings(env);
  if (settings.RUN_STREAMING === 'true')
    return { plan: { kind: 'nothing', role, reason: 'Not migrating on this app', warnings: typos }, files: null };
  const files = filesPlan(machine.openFiles, { children: [], isPrefixed: false }, null);
  const tuning = allocatorVariables(settings, machine);
  const warnings = [...typos, ...allocatorWarnings(settings, machine), ...filesWarnings(files)];
  return {
    plan: { kind: 'release', role, steps: releaseSteps(settings, tuning), stop, tuning, warnings },
    files,
  };
}

function servePlan(role: Role, settings: Settings, env: Environment, machine: Machine, stop: StopTimes): Draft {
  const routes = role === 'web' ? routerPlan(settings, machine) : null;
  const children =
    role === 'web' ? webChildren(settings, machine, stop, routes) : sidekiqSpecs(settings, machine, stop, 'at-once');
  const budget = budgetOf(children, settings, machine.quota, routes !== null);
  const isPrefixed = settings.SUPERVISE_LOG_PREFIX === 'true';
  const files = filesPlan(machine.openFiles, { children, isPrefixed }, routes);
  const router = routes === null ? null : { ...routes, maxConnections: files.maxConnections ?? 0 };
  const warnings = [
    ...typoWarnings(env),
    ...poolWarnings(children, settings),
    ...queueWarnings(children, settings, machine),
    ...stopWarnings(children, stop),
    ...(children.some(({ kind }) => kind !== 'streaming')
      ? [...allocatorWarnings(settings, machine), ...rubyGcWarnings(settings)]
      : []),
    ...memoryWarnings(env, machine.quota),
    ...filesWarnings(files),
    ...(role === 'web' ? idleWarnings(settings, env) : []),
  ];
  const memory = memoryPlan(role, settings, env, machine.quota);
  const notes = concurrencyNotes(children, settings, env);
  return { plan: { kind: 'serve', role, children, stop, memory, router, budget, notes, warnings }, files };
}

function webChildren(settings: Settings, machine: Machine, stop: StopTimes, router: Routes | null): ChildSpec[] {
  const servers = serverSpecs(settings, machine, stop, router);
  if (!settings.RUN_WORKER) return servers;
  const timeoutMs = settings.SUPERVISE_START_TIMEOUT;
  const start = timeoutMs === 0 ? 'at-once' : { afterReady: servers[0].name, timeoutMs };
  return [...servers, ...sidekiqSpecs(settings, machine, stop, start)];
}

/** Release steps run without PORT, so that nothing in them listens on the port of a dyno. */
function releaseSteps(settings: Settings, tuning: readonly TuningVariable[]): ReleaseStep[] {
  const env: EnvironmentChange = { PORT: null, ...environmentOf(tuning) };
  return [
    { name: 'migrate', command: settings.MIGRATE_COMMAND, env },
    { name: 'after-migrate', command: settings.AFTER_MIGRATE_COMMAND, env },
  ];
}

/** Anything still running 1.5 s before the platform's SIGKILL is killed; the supervisor exits 0.3 s before it in any
 * case. */
function stopTimes(budgetMs: number): StopTimes {
  return { budgetMs, killAfterMs: budgetMs - 1500, exitAfterMs: budgetMs - 300 };
}

/** One line for the boot log: what runs. */
export function summarize(plan: Plan): string {
  switch (plan.kind) {
    case 'nothing':
      return plan.reason;
    case 'release':
      return `release: ${plan.steps.map(({ name }) => name).join(', then ')}`;
    case 'serve': {
      const router = plan.router === null ? '' : 'router, ';
      const children = plan.children.map((child) => `${child.name}${describeStart(child)}${describeThreads(child)}`);
      const stop = `${plan.stop.budgetMs / 1000} s to stop`;
      return `${plan.role}: ${router}${children.join(', ')}; ${stop}; ${counted(totalConnections(plan.children), 'database connection')}`;
    }
  }
}

function describeStart({ start }: ChildSpec): string {
  if (start === 'at-once') return '';
  return 'onDemand' in start ? ' on demand' : ` once ${start.afterReady} is ready`;
}

function describeThreads({ threads }: ChildSpec): string {
  return threads === null ? '' : ` (${counted(threads, 'thread')})`;
}
