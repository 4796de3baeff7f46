import type { CgroupLimits, MemoryFacts } from '../host.ts';
import type { Quota } from '../plan/machine.ts';

/** What is set: SUPERVISE_MEMORY_QUOTA in bytes, and DYNO. */
export type QuotaSettings = { quota: number | null; dyno: string | undefined };
type Limit = { bytes: number; file: string; of: CgroupLimits };

/** Less is a mistake, not a dyno: bytes. */
const LEAST = 2 ** 24;
/** Stands for the memory of a machine that does not tell it, bytes; `unlimited` is far above it in every version. */
const ANY_MACHINE = 2 ** 50;
/** SUPERVISE_MEMORY_KILLS_AT takes no less; per cent. */
const KILLS_AT_LEAST = 50;
const SAME_WITHIN = 0.01;

/** The memory that this dyno may use: what is set, else the tightest limit of its cgroups; null where nobody says. */
export function findQuota({ quota, dyno }: QuotaSettings, facts: MemoryFacts): Quota | null {
  const limit = tightest(facts, 2) ?? tightest(facts, 1);
  const bytes = quota ?? limit?.bytes;
  if (bytes === undefined) return null;
  return {
    bytes,
    source: quota === null ? (limit?.file ?? '') : 'SUPERVISE_MEMORY_QUOTA',
    killsAtPercent: killsAt(bytes, limit, facts, dyno),
    cgroup: limit !== null && isSame(bytes, limit.bytes) ? limit.of.cgroup : null,
  };
}

/** A process is held by every cgroup above it, so the least limit is the one that it meets. From memory.high on the kernel
 * slows it down until nothing works any more, which is no better than an end. */
function tightest({ cgroups, memTotalBytes }: MemoryFacts, version: 1 | 2): Limit | null {
  const most = memTotalBytes ?? ANY_MACHINE;
  const limits = cgroups
    .filter(({ cgroup }) => cgroup.version === version)
    .flatMap((of) => [
      { bytes: bytesOf(of.max), file: fileOf(of, version === 1 ? 'memory.limit_in_bytes' : 'memory.max'), of },
      { bytes: bytesOf(of.high), file: fileOf(of, 'memory.high'), of },
    ])
    .filter(({ bytes }) => bytes >= LEAST && bytes <= most);
  return limits.reduce<Limit | null>((least, one) => (least !== null && least.bytes <= one.bytes ? least : one), null);
}

function fileOf({ cgroup }: CgroupLimits, name: string): string {
  return `${cgroup.folder}/${name}`;
}

/** Only digits: `max` is no limit, and what is no number is none either. */
function bytesOf(text: string | null): number {
  return text !== null && /^\d+$/.test(text) ? Number(text) : NaN;
}

/** In per cent of the quota. A quota that is set lower than the cgroup's limit leaves the room between them; one that is
 * set higher is met before it is full. Where nobody is known to enforce it, the room that Heroku gives. */
function killsAt(quota: number, limit: Limit | null, facts: MemoryFacts, dyno: string | undefined): number {
  if (limit === null) return isFir(dyno) ? 100 : 200;
  const percent = maySwap(limit, facts, dyno) ? 200 : 100;
  return Math.min(200, Math.max(KILLS_AT_LEAST, Math.floor((percent * limit.bytes) / quota)));
}

/** Whether a dyno may go on into swap, as far again as its memory. Heroku's common runtime lets it (R14, and R15 at twice
 * the quota) without showing us how; elsewhere the kernel's files say so. What they forbid, no name allows: Dokku too
 * calls its containers web.1. */
function maySwap(limit: Limit, facts: MemoryFacts, dyno: string | undefined): boolean {
  if (isFir(dyno)) return false;
  const swap = swapBeside(limit, facts);
  if (swap === null) return isCommonRuntime(dyno);
  return swap >= limit.bytes && (isCommonRuntime(dyno) || facts.swapTotalBytes !== 0);
}

/** The swap that the cgroups grant, in bytes; Infinity without a limit, null where swap is not accounted for. */
function swapBeside({ bytes, of }: Limit, { cgroups }: MemoryFacts): number | null {
  const { version } = of.cgroup;
  const grants = cgroups
    .filter(({ cgroup, swap }) => cgroup.version === version && swap !== null)
    .map(({ swap }) => (swap === 'max' ? Infinity : bytesOf(swap) - (version === 1 ? bytes : 0)))
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

function isSame(one: number, other: number): boolean {
  return Math.abs(one - other) <= SAME_WITHIN * other;
}
