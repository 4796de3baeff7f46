import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { judge, type Refusal } from './page-access.ts';
import { takeAction } from './page-actions.ts';
import { PageFeed } from './page-feed.ts';
import { readPage } from './page-files.ts';
import { serveOnLoopback } from './page-listen.ts';
import type { Simulation } from '../simulation.ts';

export type PageOptions = {
  /** 0: any free one. */
  port: number;
  /** The folder with the built page. */
  assets: string;
  /** Its own random one where none is given. */
  token?: string;
};

/** Each holds a socket and a share of every event. */
const PAGES_MOST = 16;

const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** Shows a simulation to the browsers of this machine and takes their actions. `close` tells them that it has ended.
 * @throws Error that says that the port is taken (EADDRINUSE), or that the page is not built */
export async function openPage(
  simulation: Simulation,
  { port, assets, token = randomBytes(24).toString('base64url') }: PageOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const files = readPage(assets, token);
  const events = new PageFeed(simulation);
  const answer = (asked: IncomingMessage, reply: ServerResponse, ownPort: number): void => {
    for (const [name, value] of Object.entries(HEADERS)) reply.setHeader(name, value);
    const { method = '', url = '', headers } = asked;
    const access = judge({ method, target: url, headers }, { port: ownPort, token });
    if ('status' in access) return refuse(reply, access);
    if (access.door === 'actions') return void takeAction(simulation, asked, reply);
    if (access.door === 'events') {
      if (events.clients >= PAGES_MOST) return refuse(reply, { status: 503, why: `${PAGES_MOST} pages are open` });
      return events.add(reply);
    }
    const file = files.get(access.path);
    if (file === undefined) return refuse(reply, { status: 404, why: 'no such file' });
    reply.setHeader('Content-Type', file.type).end(file.body);
  };
  const listening = await serveOnLoopback(port, answer).catch((error: unknown) => {
    events.end();
    throw error;
  });
  const close = async (): Promise<void> => {
    events.end();
    await listening.close();
  };
  return { url: `http://localhost:${listening.port}`, close };
}

function refuse(reply: ServerResponse, { status, why }: { status: Refusal['status'] | 503; why: string }): void {
  // The rest of a body that nobody reads would be taken for the next request.
  reply.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' }).end(`${why}\n`);
}
