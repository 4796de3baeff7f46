import { megabytes } from './budget.ts';
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
  return [
    ...describeMemory(children, memory, budget),
    describeConnections('database', budget.database, 'SUPERVISE_DB_CONNECTIONS'),
    describeConnections('Redis', budget.redis, 'SUPERVISE_REDIS_CONNECTIONS'),
  ];
}

function describeMemory(children: readonly ChildSpec[], { quota, guard }: MemoryPlan, { memory }: Budget): string[] {
  const parts = children.map((child) => `${child.name} ${megabytes(child.memory.expectedBytes)}`);
  const sum = `${megabytes(memory.expectedBytes)} expected (${[...parts, `ourselves ${megabytes(memory.ownBytes)}`].join(', ')})`;
  if (quota === null) return [`  memory: ${sum}, no quota known`];
  const { warn, relieve, save, kill } = quota.thresholds;
  const acts = guard === 'warn' ? 'would relieve' : 'relieves';
  const watch = `warns at ${megabytes(warn)}, ${acts} at ${megabytes(relieve)}, saves the dyno at ${megabytes(save)}`;
  return [
    `  memory: ${sum} of ${megabytes(quota.bytes)} (${quota.source})`,
    `  memory guard: ${guard === 'off' ? 'off' : `${watch}, before the platform ends it at ${megabytes(kill)}`}`,
  ];
}

function describeConnections(of: string, { most, overlap, limit }: Connections, variable: string): string {
  return `  ${of} connections: ${most}, and ${overlap} while an old and a new dyno overlap, of ${limit} (${variable})`;
}
