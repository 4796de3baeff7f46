import { redisConnectionsAtFirst } from './connections.ts';
import { OWN_BYTES } from './footprints.ts';
import type { Quota } from './place.ts';
import type { Settings } from './settings.ts';
import type { Budget, ChildSpec } from './spec.ts';

/** What the children of a dyno need against what there is. While an old and a new dyno overlap, for up to 30 s at every
 * restart, the database has the connections of both: each opens its pool as it boots. Of Redis the new one has only opened
 * what it does not wait with. */
export function budgetOf(children: readonly ChildSpec[], settings: Settings, quota: Quota | null): Budget {
  const database = totalConnections(children);
  const redis = sum(children, ({ redisConnections }) => redisConnections);
  return {
    memory: {
      expectedBytes: OWN_BYTES + sum(children, ({ memory }) => memory.expectedBytes),
      ownBytes: OWN_BYTES,
      quotaBytes: quota?.bytes ?? null,
    },
    database: { most: database, overlap: 2 * database, limit: settings.SUPERVISE_DB_CONNECTIONS },
    redis: {
      most: redis,
      overlap: redis + sum(children, redisConnectionsAtFirst),
      limit: settings.SUPERVISE_REDIS_CONNECTIONS,
    },
  };
}

export function budgetWarnings({ memory, database, redis }: Budget): string[] {
  const { expectedBytes, quotaBytes } = memory;
  const tooMuch = quotaBytes !== null && expectedBytes > quotaBytes;
  return [
    ...(tooMuch
      ? [`${megabytes(expectedBytes)} of memory are expected, more than the ${megabytes(quotaBytes)} of the quota`]
      : []),
    ...tooMany('database', database, 'SUPERVISE_DB_CONNECTIONS'),
    ...tooMany('Redis', redis, 'SUPERVISE_REDIS_CONNECTIONS'),
  ];
}

export function totalConnections(children: readonly ChildSpec[]): number {
  return sum(children, ({ databaseConnections }) => databaseConnections);
}

/** `512 MB`, as platforms count them. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

function tooMany(of: string, { most, overlap, limit }: Budget['redis'], variable: string): string[] {
  if (overlap <= limit) return [];
  const count =
    most > limit ? `${most} ${of} connections` : `${overlap} ${of} connections while an old and a new dyno overlap`;
  return [`up to ${count}, more than ${variable}=${limit}`];
}

function sum(children: readonly ChildSpec[], of: (child: ChildSpec) => number): number {
  return children.reduce((total, child) => total + of(child), 0);
}
