import type { Target } from './edge/edge-options.ts';
import { isCurrent, type Slot } from './slot.ts';

/** Where the edge sends a request now: to a web dyno that is up, by chance as the platform does; it waits for one that
 * boots. [D: HTTP Routing] */
export function targetOf(
  slots: readonly Slot[],
  portOf: (slot: Slot) => number | null,
  isReleasing: boolean,
  chance = Math.random(),
): Target {
  const web = slots.filter(({ isWeb, state }) => isWeb && state !== 'down');
  const serving = web.flatMap((slot): Target[] => {
    const port = portOf(slot);
    return port === null ? [] : [{ kind: 'dyno', dyno: slot.name, port }];
  });
  const chosen = serving[Math.floor(chance * serving.length)];
  if (chosen !== undefined) return chosen;
  if (web.some(isBooting) || (web.length === 0 && isReleasing)) return { kind: 'booting' };
  return { kind: 'none', code: web.length === 0 ? 'H14' : 'H10' };
}

function isBooting({ lives }: Slot): boolean {
  return lives.some((life) => life.phase === 'starting' && isCurrent(life));
}
