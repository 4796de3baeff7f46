import type { Role } from '../../src/cli.ts';
import { ConfigError } from '../../src/exit-status.ts';
import type { Machine, Quota } from '../../src/plan/machine.ts';
import { makePlan } from '../../src/plan/plan.ts';
import { readSettings, type Environment } from '../../src/config/settings.ts';
import type { ChildSpec, Plan } from '../../src/plan/spec.ts';
import { MASTODON_QUEUES } from '../../src/simulator/platform/slug.ts';

type ServePlan = Extract<Plan, { kind: 'serve' }>;

/** A config/sidekiq.yml like Mastodon's: ERB, seven queues with and without weights, and a schedule. */
export const SIDEKIQ_YML = `---
# One process of the instance serves \`scheduler\`.
:concurrency: <%= ENV.fetch('SIDEKIQ_CONCURRENCY', 5) %>
${MASTODON_QUEUES}
:scheduler:
  :listened_queues_only: true
  :schedule:
    statuses:
      every: '5m'
      class: Scheduler::ScheduledStatusesScheduler
      queue: scheduler
    vacuum:
      cron: '<%= Random.rand(0..59) %> <%= Random.rand(3..5) %> * * *'
      class: Scheduler::VacuumScheduler
      queue: scheduler
`;

const SIZES = { '256M': 2 ** 28, '512M': 2 ** 29, '1G': 2 ** 30, '2.5G': 2.5 * 2 ** 30 };

/** A dyno of this size on a platform that lets it swap, as Heroku does. */
export function quota(size: keyof typeof SIZES, killsAtPercent = 200): Quota {
  return { bytes: SIZES[size], source: 'SUPERVISE_MEMORY_QUOTA', killsAtPercent, cgroup: null };
}

const ENOUGH = { SUPERVISE_DB_CONNECTIONS: '1000', SUPERVISE_REDIS_CONNECTIONS: '1000' } as const;

/** The default of Docker. */
const OPEN_FILES = { limit: 1_048_576, open: 20 };

/** A Mastodon checkout at /app, in a dyno that is large enough for every plan. */
export function checkout(changes: Partial<Machine> = {}): Machine {
  const has = { 'config/puma.rb': true, 'config/environment.rb': true, streaming: true };
  const rest = {
    runId: 'run',
    socketFolder: '/tmp/run',
    jitter: 0.5,
    jemalloc: null,
    quota: quota('2.5G'),
    openFiles: OPEN_FILES,
  };
  return { folder: '/app', has, sidekiqYml: SIDEKIQ_YML, ...rest, ...changes };
}

/** A folder that is not a Mastodon checkout. */
export function elsewhere(): Machine {
  const has = { 'config/puma.rb': false, 'config/environment.rb': false, streaming: false };
  return checkout({ folder: '/home/me', has, sidekiqYml: null });
}

/** The plan of a role that runs children. */
export function serving(role: Role, env: Environment, machine = checkout()): ServePlan {
  const plan = planFor(role, env, machine);
  if (plan.kind !== 'serve') throw new Error(`${role} has a plan of kind "${plan.kind}", not "serve"`);
  return plan;
}

export function child(plan: ServePlan, name: string): ChildSpec {
  const found = plan.children.find((spec) => spec.name === name);
  if (found === undefined) throw new Error(`no ${name} among ${plan.children.map((spec) => spec.name).join(', ')}`);
  return found;
}

/** The problems that makePlan reports; none if it returns a plan. */
export function problemsOf(role: Role, env: Environment, machine = checkout()): readonly string[] {
  try {
    planFor(role, env, machine);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The warnings of a plan, by default with enough connections for every plan. */
export function warningsOf(role: Role, env: Environment, machine = checkout()): readonly string[] {
  return planFor(role, { ...ENOUGH, ...env }, machine).warnings;
}

/** The plan of this environment. */
export function planFor(role: Role, env: Environment, machine: Machine): Plan {
  return makePlan(role, readSettings(env), machine);
}
