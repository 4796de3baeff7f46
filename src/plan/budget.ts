import { megabytes } from '../units.ts';
import type { Settings } from '../config/settings.ts';
import type { Quota } from './machine.ts';
import { ownBytes, redisConnectionsAtStart } from './resources.ts';
import type { Budget, ChildSpec, Connections } from './spec.ts';

/** What the children of a dyno need, and what is available. An old and a new dyno overlap for up to 30 s at each
 * restart. Both then hold all their database connections, since each opens its pools as it boots. The new dyno has
 * opened only the Redis connections that its children open at their start. On-demand children count in both dynos: a
 * client of the old dyno reconnects to the new one. */
export function budgetOf(
  children: readonly ChildSpec[],
  settings: Settings,
  quota: Quota | null,
  hasRouter: boolean,
): Budget {
  const database = totalConnections(children);
  const redis = sum(children, ({ redisConnections }) => redisConnections);
  return {
    memory: { ...memoryOf(children, ownBytes(hasRouter)), quotaBytes: quota?.bytes ?? null },
    database: { max: database, overlap: 2 * database, limit: settings.SUPERVISE_DB_CONNECTIONS },
    redis: {
      max: redis,
      overlap: redis + sum(children, redisConnectionsAtStart),
      limit: settings.SUPERVISE_REDIS_CONNECTIONS,
    },
  };
}

export function budgetWarnings({ memory, database, redis }: Budget): string[] {
  return [
    ...memoryWarnings(memory),
    ...connectionWarnings('database', database, 'SUPERVISE_DB_CONNECTIONS'),
    ...connectionWarnings('Redis', redis, 'SUPERVISE_REDIS_CONNECTIONS'),
  ];
}

export function totalConnections(children: readonly ChildSpec[]): number {
  return sum(children, ({ databaseConnections }) => databaseConnections);
}

export function isOnDemand({ start }: ChildSpec): boolean {
  return start !== 'at-once' && 'onDemand' in start;
}

function memoryOf(children: readonly ChildSpec[], ownBytes: number): Omit<Budget['memory'], 'quotaBytes'> {
  const bytesOf = (some: readonly ChildSpec[]): number => ownBytes + sum(some, ({ memory }) => memory.expectedBytes);
  const permanent = children.filter((child) => !isOnDemand(child));
  const idleBytes = permanent.length < children.length ? bytesOf(permanent) : null;
  return { expectedBytes: bytesOf(children), idleBytes, ownBytes };
}

/** The end of a sentence about memory; empty if no child runs on demand. */
export function describeIdle(idleBytes: number | null): string {
  return idleBytes === null ? '' : `; ${megabytes(idleBytes)} while no on-demand process runs`;
}

function memoryWarnings({ expectedBytes, idleBytes, quotaBytes }: Budget['memory']): string[] {
  if (quotaBytes === null || expectedBytes <= quotaBytes) return [];
  const need = `expected memory use is ${megabytes(expectedBytes)}`;
  return [`${need}, more than the quota of ${megabytes(quotaBytes)}${describeIdle(idleBytes)}`];
}

function connectionWarnings(kind: string, { max, overlap, limit }: Connections, variable: string): string[] {
  if (overlap <= limit) return [];
  const need =
    max > limit ? `${max} ${kind} connections` : `${overlap} ${kind} connections while an old and a new dyno overlap`;
  return [`${variable}=${limit} may be exceeded: up to ${need}`];
}

function sum(children: readonly ChildSpec[], amountOf: (child: ChildSpec) => number): number {
  return children.reduce((total, child) => total + amountOf(child), 0);
}
