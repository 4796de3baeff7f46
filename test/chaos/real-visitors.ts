import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { now } from './now.ts';
import type { Visit } from './real-record.ts';
import type { RealStory, VisitKind } from './real-story.ts';

/** So many wait for their answer at most. */
const AT_ONCE = 8;
/** After the end of the dyno nobody is left to answer: each connection must have broken by then. */
const GRACE_MS = 5000;
const SENT = 'x'.repeat(50_000);

/** Asks until it is over, and waits for what was asked; gives all visits of which a connection was made. */
export async function visitAll(
  { visits: { everyMs, kinds } }: RealStory,
  port: number,
  isOver: () => boolean,
): Promise<Visit[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const visits: Visit[] = [];
  const underWay = new Set<Promise<void>>();
  for (let count = 0; !isOver(); count++) {
    const kind = kinds[count % kinds.length];
    if (kind !== undefined && underWay.size < AT_ONCE) {
      const one = visit(kind, port, agent, isOver).then((made) => {
        underWay.delete(one);
        if (made !== null) visits.push(made);
      });
      underWay.add(one);
    }
    await pause(everyMs);
  }
  await Promise.all(underWay);
  agent.destroy();
  return visits;
}

/** Null where nobody listened. */
function visit(kind: VisitKind, port: number, agent: Agent, isOver: () => boolean): Promise<Visit | null> {
  const id = randomBytes(6).toString('hex');
  const askedAtMs = now();
  return new Promise((resolve) => {
    const settle = (gave: Visit['gave'] | null): void => {
      clearInterval(watch);
      client.destroy();
      resolve(gave === null ? null : { id, lastsMs: kind.lastsMs, askedAtMs, endedAtMs: now(), gave });
    };
    const client = request({
      ...{ host: '127.0.0.1', port, method: kind.isPost ? 'POST' : 'GET', path: pathOf(kind, id) },
      agent: kind.keepsAlive ? agent : false,
    });
    let overAtMs = Infinity;
    const watch = setInterval(() => {
      if (isOver()) overAtMs = Math.min(overAtMs, now());
      if (now() > overAtMs + GRACE_MS) settle('no end');
    }, 100);
    client.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED' ? null : 'nothing'));
    client.once('response', (reply) => {
      let body = '';
      reply.setEncoding('latin1').on('data', (text: string) => (body += text));
      reply.once('error', () => settle('nothing')).once('aborted', () => settle('nothing'));
      reply.once('end', () => settle({ status: reply.statusCode ?? 0, isRight: body === bodyOf(kind, id) }));
    });
    client.end(kind.isPost ? SENT : undefined);
  });
}

function pathOf({ lastsMs, sizeBytes, isChunked }: VisitKind, id: string): string {
  return `/echo?id=${id}&ms=${lastsMs}&size=${sizeBytes}${isChunked ? '&chunked=1' : ''}`;
}

/** What the app promises in echo.rb. */
function bodyOf({ isPost, sizeBytes }: VisitKind, id: string): string {
  const filler = id.repeat(Math.ceil(sizeBytes / id.length)).slice(0, sizeBytes);
  return `${id} ${isPost ? SENT.length : 0}\n${filler}\n${id}`;
}
