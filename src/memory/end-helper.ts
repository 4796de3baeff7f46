import { largest } from '../units.ts';
import { processKey } from './helper-processes.ts';
import { describeDanger, describeHelper, describeLevel } from './messages.ts';
import type { Decision, HelperEnding, Limits, PolicyInput, PolicyState } from './policy-state.ts';
import type { Helper, Snapshot } from './snapshot.ts';

/** Ending a helper needs neither a baseline nor a ready child: it is done from the first reading of a dyno on. */

const TERM_TIMEOUT_MS = 2000;
const KILL_TIMEOUT_MS = 3000;
/** Helpers that hold more than this part of the quota together are ended, those above the second part one by one. */
const HELPERS_SHARE = 1 / 4;
const MIN_HELPER_SHARE = 1 / 16;

/** SIGTERM for the largest helper, when helpers hold more than their share of the quota, alone or together. */
export function endLargestHelper(state: PolicyState, { snapshot, limits }: PolicyInput): Decision | null {
  const large = largeHelpers(snapshot, limits).filter(({ use }) => !state.endingHelpers.has(processKey(use)));
  const bytes = large.reduce((sum, { use }) => sum + use.bytes, 0);
  const helper = bytes > HELPERS_SHARE * limits.bytes ? largest(large, ({ use }) => use.bytes) : null;
  if (!helper) return null;
  const reason = `${describeLevel(snapshot.totalBytes, limits.bytes)}: ${describeHelper(helper)}`;
  return endHelper(state, helper, { reason, by: 'TERM', atMs: snapshot.atMs });
}

/** SIGKILL at once for the helper that grows fastest, else for the largest. */
export function killGrowingHelper(state: PolicyState, { snapshot, limits }: PolicyInput): Decision | null {
  const large = largeHelpers(snapshot, limits).filter(
    ({ use }) => state.endingHelpers.get(processKey(use))?.by !== 'KILL',
  );
  const growing = large.filter(({ growth }) => growth > 0);
  const helper = largest(growing, ({ growth }) => growth) ?? largest(large, ({ use }) => use.bytes);
  if (!helper) return null;
  const danger = describeDanger(snapshot.totalBytes, limits.bytes, limits.thresholds.kill);
  const reason = `${danger}: ${describeHelper(helper)}`;
  return endHelper(state, helper, { reason, by: 'KILL', atMs: snapshot.atMs });
}

/** Whether a helper that was told to end, in one of these ways, still has the time for it. A helper that not even SIGKILL ends
 * (it hangs in a disk) is not waited for. */
export function isHelperEnding(
  { endingHelpers }: PolicyState,
  { helpers, atMs }: Snapshot,
  ways: readonly HelperEnding['by'][],
): boolean {
  return helpers.some(({ use }) => {
    const ending = endingHelpers.get(processKey(use));
    if (ending === undefined || !ways.includes(ending.by)) return false;
    return atMs - ending.atMs < (ending.by === 'TERM' ? TERM_TIMEOUT_MS : 0) + KILL_TIMEOUT_MS;
  });
}

function largeHelpers({ helpers }: Snapshot, { bytes }: Limits): Helper[] {
  return helpers.filter(({ use }) => use.bytes > MIN_HELPER_SHARE * bytes);
}

function endHelper(
  state: PolicyState,
  { use }: Helper,
  { reason, by, atMs }: HelperEnding & { reason: string },
): Decision {
  const { pid, started, name } = use;
  const killAfterMs = by === 'KILL' ? 0 : TERM_TIMEOUT_MS;
  return {
    action: { type: 'end-process', id: { pid, started }, name, killAfterMs, reason },
    changes: { endingHelpers: new Map(state.endingHelpers).set(processKey(use), { by, atMs }) },
  };
}
