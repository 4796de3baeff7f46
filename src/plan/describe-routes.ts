import { describeDuration } from '../duration.ts';
import { redact } from './redact.ts';
import type { ChildSpec, RouterPlan, StopTimes, Upstream } from './spec.ts';

/** Who listens where, and who gets what. */
export function describeRoutes({ port, bind, puma, streaming, mostConnections }: RouterPlan): string[] {
  const at = bind === null ? `port ${port} of every address` : redact(address(bind, port));
  const toStreaming = streaming === null ? '' : `/api/v1/streaming -> ${upstream(streaming)}, `;
  const toPuma = `${streaming === null ? 'everything' : 'everything else'} -> ${upstream(puma)}`;
  return [
    `  the router listens on ${at}`,
    `    ${toStreaming}${toPuma}`,
    `    takes up to ${mostConnections} client connections at the same time`,
  ];
}

/** `127.0.0.1:3000`, `[::1]:3000`. */
export function address(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function startsWhen({ start }: ChildSpec): string {
  if (start === 'at-once') return 'at once';
  if ('onDemand' in start) {
    const idle = describeDuration(start.onDemand.idleMs);
    return `with the first request for it, stops when no connection to it was open for ${idle}`;
  }
  return `when ${start.afterReady} is ready, after ${start.atMostMs / 1000} s at the latest`;
}

export function stopsHow(children: readonly ChildSpec[], { budgetMs, killAfterMs }: StopTimes): string {
  const later = children.map(({ name, drainMs }) => {
    if (drainMs === null) return '';
    return ` to ${name} when its requests in flight are answered, after ${describeDuration(drainMs)} at the latest;`;
  });
  const term = `TERM to all at the same time,${later.join('')}`;
  return `stops within ${budgetMs / 1000} s: ${term} KILL after ${killAfterMs / 1000} s`;
}

function upstream({ child, socket }: Upstream): string {
  return `${child} (unix:${socket})`;
}
