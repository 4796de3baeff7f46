import { describeDuration } from './duration.ts';
import type { Fact } from './facts.ts';
import { info, warn, type Line } from './line.ts';

const ABOUT_ROUTER = ['listening', 'resting', 'fell', 'not-woken', 'available', 'router-trouble'] as const;
type AboutRouter = Extract<Fact, { fact: (typeof ABOUT_ROUTER)[number] }>;

export function isAboutRouter(fact: Fact): fact is AboutRouter {
  return (ABOUT_ROUTER as readonly string[]).includes(fact.fact);
}

export function describeRouter(fact: AboutRouter): Line {
  switch (fact.fact) {
    case 'listening':
      return info(`the router listens on ${fact.at}`);
    case 'resting':
      return 'why' in fact
        ? warn(`${fact.why}; stopping ${fact.child} until there is memory for it`)
        : info(`nobody has wanted ${fact.child} for ${describeDuration(fact.idleMs)}; stopping it until somebody does`);
    case 'fell':
      return warn(fell(fact.child, fact.pauseMs, fact.notReadyAfterMs));
    case 'not-woken':
      return warn(`${fact.child} is wanted and not started: ${fact.why}`);
    case 'available':
      return { level: 'debug', message: `${fact.child} can start again` };
    case 'router-trouble':
      return warn(`${fact.child}: ${fact.why}${fact.count > 1 ? `, ${fact.count} times` : ''}`);
  }
}

function fell(child: string, pauseMs: number, notReadyAfterMs: number | null): string {
  const again = `it starts again when it is wanted, in ${describeDuration(pauseMs)} at the earliest`;
  if (notReadyAfterMs === null) return `${child} ended unasked; ${again}`;
  return `${child} is not ready after ${describeDuration(notReadyAfterMs)}, stopping it; ${again}`;
}
