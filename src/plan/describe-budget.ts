import { counted, megabytes } from '../units.ts';
import { describeIdle, isOnDemand } from './budget.ts';
import type { Budget, ChildSpec, Connections, MemoryPlan } from './spec.ts';

/** What a child needs, in one line. */
export function describeNeeds({ threads, databaseConnections, redisConnections, memory }: ChildSpec): string {
  return [
    ...(threads === null ? [] : [counted(threads, 'thread')]),
    counted(databaseConnections, 'database connection'),
    counted(redisConnections, 'Redis connection'),
    megabytes(memory.expectedBytes),
  ].join(', ');
}

/** What the dyno needs in total, what is available, and what the memory guard does. */
export function describeBudget(children: readonly ChildSpec[], memory: MemoryPlan, budget: Budget): string[] {
  const { database, redis } = budget;
  const onDemand = children.filter(isOnDemand);
  return [
    `  memory: ${describeMemory(children, budget.memory, memory.quota)}`,
    ...describeGuard(memory, onDemand),
    `  database connections: ${describeConnections(database, onDemand, 'databaseConnections')} (SUPERVISE_DB_CONNECTIONS)`,
    `  Redis connections: ${describeConnections(redis, onDemand, 'redisConnections')} (SUPERVISE_REDIS_CONNECTIONS)`,
  ];
}

function describeMemory(children: readonly ChildSpec[], needs: Budget['memory'], quota: MemoryPlan['quota']): string {
  const shares = children.map((child) => {
    return `${child.name} ${megabytes(child.memory.expectedBytes)}${isOnDemand(child) ? ' while it runs' : ''}`;
  });
  const all = [...shares, `supervisor ${megabytes(needs.ownBytes)}`].join(', ');
  const total = `${megabytes(needs.expectedBytes)} expected${needs.idleBytes === null ? '' : ' at most'} (${all})`;
  const limit = quota === null ? ', no memory limit found' : ` of ${megabytes(quota.bytes)} (${quota.source})`;
  return `${total}${limit}${describeIdle(needs.idleBytes)}`;
}

function describeGuard({ quota, guard }: MemoryPlan, onDemand: readonly ChildSpec[]): string[] {
  if (quota === null) return [];
  if (guard === 'off') return ['  memory guard: off'];
  const { warn, act, emergency, kill } = quota.thresholds;
  const names = onDemand.map(({ name }) => name).join(', ');
  const isOn = guard === 'on';
  const actions = [
    `warns at ${megabytes(warn)}`,
    `${isOn ? 'frees' : 'would free'} memory at ${megabytes(act)}`,
    ...(isOn && names !== '' ? [`does not start ${names} above that`] : []),
    `${isOn ? 'takes' : 'would take'} emergency action at ${megabytes(emergency)}`,
  ];
  return [`  memory guard: ${actions.join(', ')}; the platform kills the dyno at ${megabytes(kill)}`];
}

function describeConnections(
  { max, overlap, limit }: Connections,
  onDemand: readonly ChildSpec[],
  field: 'databaseConnections' | 'redisConnections',
): string {
  const shares = onDemand.map((child) => `, ${child[field]} of them while ${child.name} runs`).join('');
  return `up to ${max}${shares}; up to ${overlap} while an old and a new dyno overlap; the limit is ${limit}`;
}
