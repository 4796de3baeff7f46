import { describeDuration } from './duration.ts';
import type { Fact } from './facts.ts';
import { info, warn, type Line } from './line.ts';

const ABOUT_ROUTER = ['listening', 'resting', 'fell', 'not-woken', 'router-trouble'] as const;
type AboutRouter = Extract<Fact, { fact: (typeof ABOUT_ROUTER)[number] }>;

export function isAboutRouter(fact: Fact): fact is AboutRouter {
  return (ABOUT_ROUTER as readonly string[]).includes(fact.fact);
}

export function describeRouter(fact: AboutRouter): Line {
  switch (fact.fact) {
    case 'listening':
      return info(`the router listens on ${fact.at}`);
    case 'resting':
      return info(
        `nobody has wanted ${fact.child} for ${describeDuration(fact.idleMs)}; stopping it until somebody does`,
      );
    case 'fell':
      return warn(`${fact.child} starts again when it is wanted, in ${describeDuration(fact.pauseMs)} at the earliest`);
    case 'not-woken':
      return warn(`${fact.child} is wanted and not started: ${fact.why}`);
    case 'router-trouble':
      return warn(`${fact.child}: ${fact.why}${fact.count > 1 ? `, ${fact.count} times` : ''}`);
  }
}
