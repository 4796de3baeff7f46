import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { type Answer, parseAction } from '../action.ts';
import { listenOnLoopback } from '../platform/loopback.ts';
import type { Simulation } from '../simulation.ts';
import { MAX_BODY_BYTES, checkAccess, type Refusal, tooLarge } from './access.ts';
import { PageEvents } from './page-events.ts';

type PageOptions = {
  /** 0: any free port. */
  port: number;
  /** The folder of the built page. */
  assets: string;
  /** Default: a random token. */
  token?: string;
};

/** Each page holds a socket and a copy of every event. */
const MAX_PAGES = 16;

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

/** Serves the page for a simulation to browsers on this machine and takes their actions. `close` tells the pages that
 * the simulation has ended.
 * @throws Error if the port is taken (EADDRINUSE) or the page is not built */
export async function openPage(
  simulation: Simulation,
  { port, assets, token = randomBytes(24).toString('base64url') }: PageOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const files = readAssets(assets, token);
  const events = new PageEvents(simulation);
  const answer = (request: IncomingMessage, reply: ServerResponse): void => {
    for (const [name, value] of Object.entries(HEADERS)) reply.setHeader(name, value);
    const { method = '', url = '', headers, socket } = request;
    const access = checkAccess({ method, target: url, headers }, { port: socket.localPort ?? 0, token });
    if ('status' in access) return refuse(reply, access);
    if (access.endpoint === 'actions') return void handleAction(simulation, request, reply);
    if (access.endpoint === 'events') {
      if (events.clients >= MAX_PAGES) return refuse(reply, { status: 503, reason: `${MAX_PAGES} pages are open` });
      return events.add(reply);
    }
    const file = files.get(access.path);
    if (file === undefined) return refuse(reply, { status: 404, reason: 'no such file' });
    reply.setHeader('Content-Type', file.type).end(file.body);
  };
  const listening = await listenOnLoopback(port, () => createServer(answer)).catch((error: unknown) => {
    events.end();
    throw error;
  });
  const close = async (): Promise<void> => {
    events.end();
    await Promise.all(listening.servers.map(closeServer));
  };
  return { url: `http://localhost:${listening.port}`, close };
}

function refuse(reply: ServerResponse, { status, reason }: { status: Refusal['status'] | 503; reason: string }): void {
  // The unread rest of a body would be taken for the next request.
  reply.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' }).end(`${reason}\n`);
}

/** Reads an action, performs it and sends the answer. Never rejects. */
async function handleAction(simulation: Simulation, request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const body = await readBody(request).catch(() => undefined);
  if (body === undefined) return void reply.destroy();
  if (body === null) return sendAnswer(reply, 413, { ok: false, text: tooLarge().reason });
  const action = parseAction(parseJson(body));
  if (typeof action === 'string') return sendAnswer(reply, 400, { ok: false, text: action });
  sendAnswer(reply, 200, await simulation.act(action));
}

/** null: too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Keep the socket open when the body is too long: the answer uses it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function sendAnswer(reply: ServerResponse, status: number, answer: Answer): void {
  if (status === 413) reply.setHeader('Connection', 'close');
  reply.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
}

type PageFile = { type: string; body: string };

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const TOKEN_PLACEHOLDER = '%PAGE_TOKEN%';

/** The built page by path, with the token in its HTML. Read once, so that a build in between does not mix two versions.
 * @throws Error if the folder is missing or has no page */
function readAssets(folder: string, token: string): ReadonlyMap<string, PageFile> {
  const files = readdirSync(folder).flatMap((name): [string, PageFile][] => {
    const type = TYPES[extname(name)];
    if (type === undefined) return [];
    const path = name === 'page.html' ? '/' : `/${name}`;
    return [[path, { type, body: readFileSync(join(folder, name), 'utf8').replaceAll(TOKEN_PLACEHOLDER, token) }]];
  });
  const page = new Map(files);
  if (!page.has('/')) throw new Error(`no page in ${folder}; build it: npm run build`);
  return page;
}

/** Grace period for open responses at close. */
const CLOSE_TIMEOUT_MS = 500;

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const last = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await closed;
  clearTimeout(last);
}
