import type { CgroupLimits, MemoryFacts } from '../host.ts';
import type { Quota } from '../plan/machine.ts';

/** quota: SUPERVISE_MEMORY_QUOTA in bytes. dyno: the variable DYNO. */
type QuotaSettings = { quota: number | null; dyno: string | undefined };
type Limit = { bytes: number; file: string; source: CgroupLimits };

/** No dyno runs in less: a smaller limit of a cgroup is ignored. */
const MIN_LIMIT_BYTES = 2 ** 24;
/** Used when the memory of the machine is unknown. `unlimited` is far above it in both cgroup versions. */
const MAX_MACHINE_BYTES = 2 ** 50;
/** The smallest value that SUPERVISE_MEMORY_KILLS_AT accepts. */
const MIN_KILLS_AT_PERCENT = 50;
/** The quota counts as the limit of the cgroup if they differ by less than this share. */
const SAME_SIZE_TOLERANCE = 0.01;

/** The memory that this dyno may use: SUPERVISE_MEMORY_QUOTA, else the tightest limit of its cgroups; null without either. */
export function findQuota({ quota, dyno }: QuotaSettings, facts: MemoryFacts): Quota | null {
  const limit = findTightestLimit(facts, 2) ?? findTightestLimit(facts, 1);
  const bytes = quota ?? limit?.bytes;
  if (bytes === undefined) return null;
  return {
    bytes,
    source: quota === null ? (limit?.file ?? '') : 'SUPERVISE_MEMORY_QUOTA',
    killsAtPercent: killsAtPercent(bytes, limit, facts, dyno),
    cgroup: limit !== null && isSameSize(bytes, limit.bytes) ? limit.source.cgroup : null,
  };
}

/** Every cgroup above a process limits it, so the smallest limit applies. memory.high counts as well: above it the kernel slows the
 * processes down until they do no useful work. */
function findTightestLimit({ cgroups, memTotalBytes }: MemoryFacts, version: 1 | 2): Limit | null {
  const maxBytes = memTotalBytes ?? MAX_MACHINE_BYTES;
  const maxFile = version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
  const limits = cgroups
    .filter(({ cgroup }) => cgroup.version === version)
    .flatMap((source) => [
      { bytes: parseBytes(source.max), file: `${source.cgroup.folder}/${maxFile}`, source },
      { bytes: parseBytes(source.high), file: `${source.cgroup.folder}/memory.high`, source },
    ])
    .filter(({ bytes }) => bytes >= MIN_LIMIT_BYTES && bytes <= maxBytes);
  return limits.reduce<Limit | null>(
    (tightest, limit) => (tightest !== null && tightest.bytes <= limit.bytes ? tightest : limit),
    null,
  );
}

/** Accepts digits only; NaN for anything else, such as `max`. */
function parseBytes(text: string | null): number {
  return text !== null && /^\d+$/.test(text) ? Number(text) : NaN;
}

/** At how many per cent of the quota the platform kills. With a quota below the limit of the cgroup, the difference is headroom; with a
 * quota above it, the limit is hit before the quota is full. Without a known limit it is 200 %, as on Heroku. */
function killsAtPercent(quota: number, limit: Limit | null, facts: MemoryFacts, dyno: string | undefined): number {
  if (limit === null) return isFir(dyno) ? 100 : 200;
  const percent = maySwap(limit, facts, dyno) ? 200 : 100;
  return Math.min(200, Math.max(MIN_KILLS_AT_PERCENT, Math.floor((percent * limit.bytes) / quota)));
}

/** Whether the dyno may use as much swap as memory. Heroku's common runtime allows it (R14 above the quota, R15 at twice the quota) but
 * does not show how; elsewhere the kernel's files tell. The name of the dyno never overrides them: Dokku also calls its containers
 * web.1. */
function maySwap(limit: Limit, facts: MemoryFacts, dyno: string | undefined): boolean {
  if (isFir(dyno)) return false;
  const swap = findGrantedSwap(limit, facts);
  if (swap === null) return isCommonRuntime(dyno);
  return swap >= limit.bytes && (isCommonRuntime(dyno) || facts.swapTotalBytes !== 0);
}

/** The swap that the cgroups grant, in bytes: Infinity without a limit, null where the kernel does not account for swap. */
function findGrantedSwap({ bytes, source }: Limit, { cgroups }: MemoryFacts): number | null {
  const { version } = source.cgroup;
  const grants = cgroups
    .filter(({ cgroup, swap }) => cgroup.version === version && swap !== null)
    .map(({ swap }) => (swap === 'max' ? Infinity : parseBytes(swap) - (version === 1 ? bytes : 0)))
    .filter((grant) => !Number.isNaN(grant));
  return grants.length === 0 ? null : Math.min(...grants);
}

/** `web.1`, `worker.2`, `run.1234`. */
function isCommonRuntime(dyno: string | undefined): boolean {
  return /^[\w-]+\.\d+$/.test(dyno ?? '');
}

/** `web-5b7bd5f6cf-9xw2j`: Heroku on Kubernetes, where the kernel enforces the limit. */
function isFir(dyno: string | undefined): boolean {
  return /^[a-z]\w*(-[a-z0-9]+)+$/.test(dyno ?? '');
}

function isSameSize(bytes: number, limitBytes: number): boolean {
  return Math.abs(bytes - limitBytes) <= SAME_SIZE_TOLERANCE * limitBytes;
}
