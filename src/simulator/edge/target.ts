import { isCurrent, type DynoState } from '../platform/dyno-state.ts';
import type { Rules } from '../platform/rules.ts';
import type { PlatformEvent } from '../simulation.ts';

/** Where a request goes. */
export type RequestTarget =
  | {
      kind: 'dyno';
      /** `web.1` */
      dyno: string;
      port: number;
    }
  /** The request waits until a dyno is up. */
  | { kind: 'booting' }
  /** H10: the dyno crashed. H14: there is no web dyno. */
  | { kind: 'none'; code: 'H10' | 'H14' };

export type EdgeOptions = {
  /** 0: any free port. */
  port: number;
  rules: Rules;
  /** Called for each request, and again for held requests after `retarget()`. */
  target(): RequestTarget;
  /** Logs a line of `heroku[router]`. */
  log(text: string): void;
  emit?(event: Omit<PlatformEvent, 'atMs'>): void;
};

/** Chooses a random web dyno that is up, as the platform does. Waits for a booting one. [D: HTTP Routing] */
export function chooseTarget(
  dynos: readonly DynoState[],
  portOf: (dyno: DynoState) => number | null,
  isReleasing: boolean,
  chance = Math.random(),
): RequestTarget {
  const web = dynos.filter(({ isWeb, state: state }) => isWeb && state !== 'down');
  const serving = web.flatMap((dyno): RequestTarget[] => {
    const port = portOf(dyno);
    return port === null ? [] : [{ kind: 'dyno', dyno: dyno.name, port }];
  });
  const chosen = serving[Math.floor(chance * serving.length)];
  if (chosen !== undefined) return chosen;
  if (web.some(isBooting) || (web.length === 0 && isReleasing)) return { kind: 'booting' };
  return { kind: 'none', code: web.length === 0 ? 'H14' : 'H10' };
}

function isBooting({ instances: instances }: DynoState): boolean {
  return instances.some((instance) => instance.phase === 'starting' && isCurrent(instance));
}
