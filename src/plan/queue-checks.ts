import { sidekiqProcesses } from './commands.ts';
import type { Place } from './place.ts';
import type { ChildSpec, ServePlan } from './spec.ts';
import { readSidekiqYml, SCHEDULER } from './queues.ts';
import type { Settings } from './settings.ts';

/** Queues that cannot be told, or are told twice in contradiction. */
export function queueProblems(plan: ServePlan, settings: Settings, place: Place): string[] {
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
export function queueWarnings(children: readonly ChildSpec[], settings: Settings, place: Place): string[] {
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
