import { describeDuration } from './duration.ts';
import type { Fact } from './facts.ts';
import { info, warn, type Line } from './line.ts';

const ABOUT_MEMORY = ['recycling', 'not-recycling', 'restarting', 'saving', 'ending', 'memory'] as const;
type AboutMemory = Extract<Fact, { fact: (typeof ABOUT_MEMORY)[number] }>;

export function isAboutMemory(fact: Fact): fact is AboutMemory {
  return (ABOUT_MEMORY as readonly string[]).includes(fact.fact);
}

export function describeMemory(fact: AboutMemory): Line {
  switch (fact.fact) {
    case 'recycling': {
      const atMost = describeDuration(fact.quietMs);
      return info(
        `${fact.why}; recycling ${fact.child}: no new work, and a restart when it is idle, after ${atMost} at the latest`,
      );
    }
    case 'not-recycling':
      return info(`not recycling ${fact.child} now: ${fact.why}`);
    case 'restarting':
      return info(`restarting ${fact.child}${fact.idle ? ', which is idle' : ', which is still at work'}`);
    case 'saving':
      return warn(`${fact.why}; ${fact.killed ? 'killing' : 'restarting'} ${fact.child} at once`);
    case 'ending':
      return warn(`${fact.why}; ${fact.killAfterMs === 0 ? 'killing' : 'ending'} ${fact.process}`);
    case 'memory':
      return { level: fact.level, message: fact.text };
  }
}
