import { atRest, isOnDemand, megabytes } from './budget.ts';
import { counted } from './in-short.ts';
import type { Budget, ChildSpec, Connections, MemoryPlan } from './spec.ts';

/** What a child needs, in a line. */
export function needs({ threads, databaseConnections, redisConnections, memory }: ChildSpec): string {
  return [
    ...(threads === null ? [] : [counted(threads, 'thread')]),
    counted(databaseConnections, 'database connection'),
    counted(redisConnections, 'Redis connection'),
    megabytes(memory.expectedBytes),
  ].join(', ');
}

/** What all of a dyno needs against what there is, and what is done about memory. */
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

function describeMemory(children: readonly ChildSpec[], needed: Budget['memory'], quota: MemoryPlan['quota']): string {
  const parts = children.map((child) => `${child.name} ${megabytes(child.memory.expectedBytes)}${whenWanted(child)}`);
  const all = [...parts, `ourselves ${megabytes(needed.ownBytes)}`].join(', ');
  const sum = `${megabytes(needed.expectedBytes)} expected${needed.restingBytes === null ? '' : ' at most'} (${all})`;
  const against = quota === null ? ', no quota known' : ` of ${megabytes(quota.bytes)} (${quota.source})`;
  return `${sum}${against}${atRest(needed.restingBytes)}`;
}

function describeGuard({ quota, guard }: MemoryPlan, onDemand: readonly ChildSpec[]): string[] {
  if (quota === null) return [];
  if (guard === 'off') return ['  memory guard: off'];
  const { warn, relieve, save, kill } = quota.thresholds;
  const names = onDemand.map(({ name }) => name).join(', ');
  const acts = [
    `warns at ${megabytes(warn)}`,
    `${guard === 'warn' ? 'would relieve' : 'relieves'} at ${megabytes(relieve)}`,
    ...(guard === 'on' && names !== '' ? [`does not start ${names} above that`] : []),
    `saves the dyno at ${megabytes(save)}`,
    `before the platform ends it at ${megabytes(kill)}`,
  ];
  return [`  memory guard: ${acts.join(', ')}`];
}

function describeConnections(
  { most, overlap, limit }: Connections,
  onDemand: readonly ChildSpec[],
  of: 'databaseConnections' | 'redisConnections',
): string {
  const wanted = onDemand.map((child) => `, ${child[of]} of them while ${child.name} is wanted`).join('');
  return `${most}${wanted}, and ${overlap} while an old and a new dyno overlap, of ${limit}`;
}

function whenWanted(child: ChildSpec): string {
  return isOnDemand(child) ? ' while it is wanted' : '';
}
