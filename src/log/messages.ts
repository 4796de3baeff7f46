import { describeCommand, redact } from '../config/shell-words.ts';
import { describeStatus } from '../exit-status.ts';
import { describeDuration } from '../units.ts';
import type { LogEvent } from './events.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Message = { level: Level; text: string };

type EventOf<E extends LogEvent['event']> = Extract<LogEvent, { event: E }>;

/** An event as one line for a person, with its level. */
export function describeEvent(event: LogEvent): Message {
  // TypeScript cannot relate the entry to the type of the event; `satisfies` has checked each.
  const describe = MESSAGES[event.event] as (event: LogEvent) => Message;
  return describe(event);
}

const MESSAGES = {
  plan: ({ text }) => info(text),
  warning: ({ text }) => warn(text),
  'internal-error': ({ stack }) =>
    error(`internal error; please report it: ${stack.split('\n').map(redact).join('\n')}`),
  started: ({ child, command, pid }) => info(`${child} started: ${describeCommand(command)} (pid ${pid})`),
  ready: ({ child, afterMs }) => info(`${child} is ready after ${describeDuration(afterMs)}`),
  'dependency-timeout': ({ child, dependency, afterMs }) =>
    warn(`${dependency} is not ready after ${describeDuration(afterMs)}; starting ${child} anyway`),
  'readiness-unknown': ({ child, reason }) => warn(`cannot see when ${child} is ready: ${reason}`),
  'assumed-ready': ({ child, afterMs }) =>
    info(`${child} was not seen to become ready within ${describeDuration(afterMs)}; assuming that it is`),
  exited: describeExit,
  stopping: ({ reason, children, killAfterMs }) => {
    const what = children.length === 0 ? 'nothing else is running' : `stopping ${children.join(', ')}`;
    const limit = children.length === 0 ? '' : `; ${killAfterMs / 1000} s at most`;
    return info(`${redact(reason)}; ${what}${limit}`);
  },
  broadcast: ({ child, afterMs }) =>
    info(
      `SIGTERM came ${describeDuration(afterMs)} after ${child} exited: the platform had asked every process to stop`,
    ),
  killing: ({ children }) => warn(`killing ${children.length > 0 ? children.join(', ') : 'what is left'}`),
  leftover: ({ process, how }) => warn(`${process} outlived the children and was ${how}`),
  unkillable: ({ children }) =>
    error(`${children.join(', ')} cannot be ended; exiting before the platform kills the supervisor`),
  'signal-forwarded': ({ signal, children }) =>
    info(children.length > 0 ? `${signal} forwarded to ${children.join(', ')}` : `no process accepts ${signal}`),
  'graceful-restart': ({ child, reason, quietMs }) => {
    const limit = describeDuration(quietMs);
    return info(
      `${reason}; restarting ${child} gracefully: no new work, and SIGTERM when it is idle, after ${limit} at the latest`,
    );
  },
  'restart-postponed': ({ child, reason }) => info(`not restarting ${child} now: ${reason}`),
  restarting: ({ child, idle }) => info(`restarting ${child}, which is ${idle ? 'idle' : 'still at work'}`),
  'emergency-restart': ({ child, reason, killed }) =>
    warn(`${reason}; ${killed ? 'killing' : 'restarting'} ${child} at once`),
  terminating: ({ process, reason, killAfterMs }) =>
    warn(`${reason}; ${killAfterMs === 0 ? 'killing' : 'ending'} ${process}`),
  listening: ({ address }) => info(`the router listens on ${address}`),
  'idle-stopped': ({ child, idleMs }) =>
    info(`${child} has had no connection for ${describeDuration(idleMs)}; stopping it until the next request`),
  'stopped-for-memory': ({ child, reason }) => warn(`${reason}; stopping ${child} until there is memory for it`),
  'backing-off': ({ child, pauseMs, notReadyAfterMs }) => {
    const again = `it starts again with the next request, in ${describeDuration(pauseMs)} at the earliest`;
    if (notReadyAfterMs === null) return warn(`${child} exited unexpectedly; ${again}`);
    return warn(`${child} is not ready after ${describeDuration(notReadyAfterMs)}, stopping it; ${again}`);
  },
  'start-denied': ({ child, reason }) => warn(`${child} is requested but not started: ${reason}`),
  startable: ({ child }) => ({ level: 'debug', text: `${child} can start again` }),
  'router-warning': ({ child, reason, count }) => warn(`${child}: ${reason}${count > 1 ? `, ${count} times` : ''}`),
  memory: ({ level, text }) => ({ level, text }),
  outcome: ({ code, reason }) => ({
    level: code === 0 ? 'info' : 'error',
    text: `${redact(reason)}; exit code ${code}`,
  }),
} satisfies { [E in LogEvent['event']]: (event: EventOf<E>) => Message };

function describeExit({ child, status, afterMs, killedByUs }: EventOf<'exited'>): Message {
  const how = redact(describeStatus(status, killedByUs));
  return info(status.kind === 'not-started' ? `${child} ${how}` : `${child} ${how} after ${describeDuration(afterMs)}`);
}

function info(text: string): Message {
  return { level: 'info', text };
}

function warn(text: string): Message {
  return { level: 'warn', text };
}

function error(text: string): Message {
  return { level: 'error', text };
}
