import { megabytes } from '../units.ts';
import type { Settings } from '../config/settings.ts';
import type { Quota } from './machine.ts';
import { ownBytes, redisConnectionsAtFirst } from './resources.ts';
import type { Budget, ChildSpec } from './spec.ts';

/** What the children of a dyno need against what there is. While an old and a new dyno overlap, for up to 30 s at every
 * restart, the database has the connections of both: each opens its pool as it boots. Of Redis the new one has only opened
 * what it does not wait with. What runs on demand counts in both: whoever looked at the old one looks at the new one next. */
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
    database: { most: database, overlap: 2 * database, limit: settings.SUPERVISE_DB_CONNECTIONS },
    redis: {
      most: redis,
      overlap: redis + sum(children, redisConnectionsAtFirst),
      limit: settings.SUPERVISE_REDIS_CONNECTIONS,
    },
  };
}

export function budgetWarnings({ memory, database, redis }: Budget): string[] {
  return [
    ...tooMuch(memory),
    ...tooMany('database', database, 'SUPERVISE_DB_CONNECTIONS'),
    ...tooMany('Redis', redis, 'SUPERVISE_REDIS_CONNECTIONS'),
  ];
}

export function totalConnections(children: readonly ChildSpec[]): number {
  return sum(children, ({ databaseConnections }) => databaseConnections);
}

/** Not there while nobody wants it. */
export function isOnDemand({ start }: ChildSpec): boolean {
  return start !== 'at-once' && 'onDemand' in start;
}

function memoryOf(children: readonly ChildSpec[], ownBytes: number): Omit<Budget['memory'], 'quotaBytes'> {
  const bytesOf = (some: readonly ChildSpec[]): number => ownBytes + sum(some, ({ memory }) => memory.expectedBytes);
  const always = children.filter((child) => !isOnDemand(child));
  const restingBytes = always.length < children.length ? bytesOf(always) : null;
  return { expectedBytes: bytesOf(children), restingBytes, ownBytes };
}

/** What remains of the memory when nobody is there; nothing to say where nothing runs on demand. */
export function atRest(restingBytes: number | null): string {
  return restingBytes === null ? '' : `; ${megabytes(restingBytes)} while nobody looks at a timeline`;
}

function tooMuch({ expectedBytes, restingBytes, quotaBytes }: Budget['memory']): string[] {
  if (quotaBytes === null || expectedBytes <= quotaBytes) return [];
  const quota = `the ${megabytes(quotaBytes)} of the quota`;
  return [`${megabytes(expectedBytes)} of memory are expected, more than ${quota}${atRest(restingBytes)}`];
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
