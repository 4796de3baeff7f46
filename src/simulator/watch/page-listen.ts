import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listenOnLoopback } from '../listen-on-loopback.ts';

type Answering = (asked: IncomingMessage, reply: ServerResponse, port: number) => void;

/** So long an answer that is on its way may take once we close. */
const LAST_ANSWERS_MS = 500;

/** Serves on the loopback until it is closed. port: 0 for any. */
export async function serveOnLoopback(
  port: number,
  answer: Answering,
): Promise<{ port: number; close(): Promise<void> }> {
  const listening = await listenOnLoopback(port, () =>
    createServer((asked, reply) => answer(asked, reply, listening.port)),
  );
  return { port: listening.port, close: () => Promise.all(listening.servers.map(close)).then(() => undefined) };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const last = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
  await closed;
  clearTimeout(last);
}
