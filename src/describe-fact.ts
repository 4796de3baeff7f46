import { describeMemory, isAboutMemory } from './describe-memory.ts';
import { describeRouter, isAboutRouter } from './describe-router.ts';
import { describeDuration } from './duration.ts';
import { describeStatus, type ExitStatus } from './exit-status.ts';
import type { Fact } from './facts.ts';
import { error, info, warn, type Line } from './line.ts';
import { redact } from './plan/redact.ts';
import { joinWords } from './plan/words.ts';

/** A fact as one line for a person, and how loud it is. */
export function describeFact(fact: Fact): Line {
  if (isAboutMemory(fact)) return describeMemory(fact);
  if (isAboutRouter(fact)) return describeRouter(fact);
  switch (fact.fact) {
    case 'plan':
      return info(fact.text);
    case 'warning':
      return warn(fact.text);
    case 'started':
      return info(`${fact.child} started: ${joinWords(fact.command.map(redact))} (pid ${fact.pid})`);
    case 'ready':
      return info(`${fact.child} is ready after ${describeDuration(fact.afterMs)}`);
    case 'not-waiting':
      return warn(notWaiting(fact.notReady, fact.child, fact.afterMs));
    case 'not-watched':
      return warn(`cannot see when ${fact.child} is ready: ${fact.why}`);
    case 'taken-as-up':
      return info(`${fact.child} was not seen ready within ${describeDuration(fact.afterMs)}; it counts as up`);
    case 'ended':
      return info(ended(fact.child, describeStatus(fact.status, fact.byUs), fact.status, fact.afterMs));
    case 'stopping':
      return info(stopping(redact(fact.because), fact.children, fact.atMostMs));
    case 'broadcast':
      return info(
        `SIGTERM came ${describeDuration(fact.afterMs)} after ${fact.child} ended: the platform had asked every process to stop`,
      );
    case 'killing':
      return warn(`killing ${fact.children.length > 0 ? fact.children.join(', ') : 'what is left'}`);
    case 'leftover':
      return warn(`${fact.process} outlived the children and was ${fact.how === 'killed' ? 'killed' : 'ended'}`);
    case 'left-behind':
      return error(`${fact.children.join(', ')} cannot be ended; leaving before the platform kills us`);
    case 'handed-on':
      return info(
        `${fact.signal} ${fact.children.length > 0 ? `handed on to ${fact.children.join(', ')}` : 'is for nobody here'}`,
      );
    case 'outcome':
      return { level: fact.code === 0 ? 'info' : 'error', message: `${redact(fact.reason)}; exit code ${fact.code}` };
  }
}

function notWaiting(notReady: string, child: string, afterMs: number): string {
  return `${notReady} is not ready after ${describeDuration(afterMs)}; starting ${child} anyway`;
}

function ended(name: string, said: string, status: ExitStatus, afterMs: number): string {
  const how = redact(said);
  return status.kind === 'not-started' ? `${name} ${how}` : `${name} ${how} after ${describeDuration(afterMs)}`;
}

function stopping(because: string, children: readonly string[], atMostMs: number): string {
  if (children.length === 0) return `${because}; nothing else is running`;
  return `${because}; stopping ${children.join(', ')}; ${atMostMs / 1000} s at most`;
}
