import { type Queue, readSidekiqYml, SCHEDULER } from '../config/queues.ts';
import type { Environment, SettingName, Settings } from '../config/settings.ts';
import type { Machine } from './machine.ts';
import { sidekiqProcesses } from './sidekiq.ts';
import type { ChildKind, ChildSpec, Plan, ServePlan } from './spec.ts';

/** The variable that replaces a default command, and the path that the default command needs. */
type Need = { variable: Extract<SettingName, `${string}_COMMAND`>; path: keyof Machine['has'] };
const DEFAULT_NEEDS: Readonly<Record<ChildKind | 'migrate' | 'afterMigrate', Need>> = {
  puma: { variable: 'PUMA_COMMAND', path: 'config/puma.rb' },
  sidekiq: { variable: 'SIDEKIQ_COMMAND', path: 'config/environment.rb' },
  streaming: { variable: 'STREAMING_COMMAND', path: 'streaming' },
  migrate: { variable: 'MIGRATE_COMMAND', path: 'config/environment.rb' },
  afterMigrate: { variable: 'AFTER_MIGRATE_COMMAND', path: 'config/environment.rb' },
};

/** Default commands that cannot work, because the folder lacks what they need. */
export function checkoutProblems(plan: Plan, settings: Settings, env: Environment, machine: Machine): string[] {
  return needs(plan)
    .filter(({ variable, path }) => !env[variable] && !machine.has[path])
    .map(({ variable, path }) => {
      const command = settings[variable].join(' ');
      return `no ${path} in ${machine.folder}: \`${command}\` needs a Mastodon checkout; run mstdn-supervise in one, or set ${variable}`;
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

/** RUN_SCHEDULE=false with queues that contradict it, or that are not known. */
export function queueProblems(plan: ServePlan, settings: Settings, machine: Machine): string[] {
  if (settings.RUN_SCHEDULE || !runsSidekiq(plan.children)) return [];
  const processes = settings.SIDEKIQ_PROCESSES ?? [{ queues: null }];
  const namesScheduler = processes.some(({ queues }) => queues?.some(({ name }) => name === SCHEDULER));
  if (namesScheduler)
    return ['SIDEKIQ_PROCESSES names the queue `scheduler`, but RUN_SCHEDULE=false excludes it; change one of them'];
  if (processes.every(({ queues }) => queues !== null)) return [];
  if (machine.sidekiqYml === null) {
    return [`RUN_SCHEDULE=false needs the queues in config/sidekiq.yml, but ${machine.folder} has no such file`];
  }
  if (readSidekiqYml(machine.sidekiqYml) !== null) return [];
  return ['RUN_SCHEDULE=false: cannot read `:queues:` in config/sidekiq.yml; list the queues in SIDEKIQ_PROCESSES'];
}

/** Warns if not exactly one process of this dyno serves `scheduler`, and about unknown queues and queues without
 * weights. */
export function queueWarnings(children: readonly ChildSpec[], settings: Settings, machine: Machine): string[] {
  if (!runsSidekiq(children)) return [];
  const known = machine.sidekiqYml === null ? null : readSidekiqYml(machine.sidekiqYml);
  const processes = sidekiqProcesses(settings, machine);
  const warnings: string[] = [];
  const isScheduler = ({ name }: Queue): boolean => name === SCHEDULER;
  const isInFile = known === null || known.some(isScheduler);
  const servers = processes.filter(({ queues }) => queues?.some(isScheduler) ?? isInFile).length;
  if (servers !== 1) {
    const count = servers === 0 ? 'no sidekiq process of this dyno serves' : `${servers} sidekiq processes serve`;
    warnings.push(`${count} the queue \`scheduler\`; exactly one process of the instance must serve it`);
  }
  for (const { queues } of processes) {
    const unknown = (queues ?? []).filter((queue) => known?.every(({ name }) => name !== queue.name));
    warnings.push(...unknown.map(({ name }) => `SIDEKIQ_PROCESSES: config/sidekiq.yml has no queue \`${name}\``));
    if (queues !== null && queues.length > 1 && queues.every(({ weight }) => weight === null)) {
      warnings.push(
        `queues ${queues.map(({ name }) => name).join(', ')} have no weights: each waits until those before it are empty`,
      );
    }
  }
  return warnings;
}

function runsSidekiq(children: readonly ChildSpec[]): boolean {
  return children.some(({ kind }) => kind === 'sidekiq');
}
