import { readSidekiqYml, SCHEDULER } from '../config/queues.ts';
import type { Environment, Settings } from '../config/settings.ts';
import { DEFAULT_NEEDS, type Need, sidekiqProcesses } from './commands.ts';
import type { Machine } from './machine.ts';
import type { ChildSpec, Plan, ServePlan } from './spec.ts';

/** Default commands in a folder that is no Mastodon checkout. */
export function checkoutProblems(plan: Plan, settings: Settings, env: Environment, place: Machine): string[] {
  return needs(plan)
    .filter(({ variable, path }) => !env[variable] && !place.has[path])
    .map(({ variable, path }) => {
      const command = settings[variable].join(' ');
      return `no ${path} in ${place.folder}, so this is no Mastodon checkout and \`${command}\` cannot work: start there, or set ${variable}`;
    });
}

function needs(plan: Plan): Need[] {
  switch (plan.kind) {
    case 'nothing':
      return [];
    case 'release':
      return [DEFAULT_NEEDS.migrate, DEFAULT_NEEDS.afterMigrate];
    case 'serve':
      return [...new Set(plan.children.map(({ kind }) => kind))].map((kind) => DEFAULT_NEEDS[kind]);
  }
}

/** Queues that cannot be told, or are told twice in contradiction. */
export function queueProblems(plan: ServePlan, settings: Settings, place: Machine): string[] {
  if (settings.RUN_SCHEDULE || !runsSidekiq(plan.children)) return [];
  const asked = settings.SIDEKIQ_PROCESSES ?? [{ queues: null }];
  const named = asked.some(({ queues }) => queues?.some(({ name }) => name === SCHEDULER));
  if (named)
    return ['SIDEKIQ_PROCESSES names the queue `scheduler`, RUN_SCHEDULE=false forbids it: change one of them'];
  if (asked.every(({ queues }) => queues !== null)) return [];
  if (place.sidekiqYml === null) {
    return [`RUN_SCHEDULE=false needs the queues of config/sidekiq.yml, and ${place.folder} has none`];
  }
  if (readSidekiqYml(place.sidekiqYml) !== null) return [];
  return ['RUN_SCHEDULE=false: cannot read the `:queues:` of config/sidekiq.yml; name the queues in SIDEKIQ_PROCESSES'];
}

/** `scheduler` served by none or by several processes of this dyno, queues that do not exist, queues that starve. */
export function queueWarnings(children: readonly ChildSpec[], settings: Settings, place: Machine): string[] {
  if (!runsSidekiq(children)) return [];
  const known = place.sidekiqYml === null ? null : readSidekiqYml(place.sidekiqYml);
  const processes = sidekiqProcesses(settings, place);
  const warnings: string[] = [];
  const inAll = known === null || known.some(({ name }) => name === SCHEDULER);
  const serving = processes.filter(({ queues }) => queues?.some(({ name }) => name === SCHEDULER) ?? inAll).length;
  if (serving === 0) {
    warnings.push('no sidekiq of this dyno serves `scheduler`: exactly one process of the instance must');
  }
  if (serving > 1) {
    warnings.push(`${serving} sidekiq processes serve \`scheduler\`: exactly one process of the instance must`);
  }
  for (const { queues } of processes) {
    const strangers = (queues ?? []).filter((queue) => known?.every(({ name }) => name !== queue.name));
    warnings.push(...strangers.map(({ name }) => `config/sidekiq.yml knows no queue \`${name}\``));
    if (queues !== null && queues.length > 1 && queues.every(({ weight }) => weight === null)) {
      warnings.push(
        `queues ${queues.map(({ name }) => name).join(', ')} have no weights: the first starves the others`,
      );
    }
  }
  return warnings;
}

function runsSidekiq(children: readonly ChildSpec[]): boolean {
  return children.some(({ kind }) => kind === 'sidekiq');
}
