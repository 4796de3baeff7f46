import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { EdgeOptions, RequestTarget } from '../../../src/simulator/edge/target.ts';
import { openEdge, type Edge } from '../../../src/simulator/edge/edge.ts';
import { PLATFORM, type Rules, scaleRules } from '../../../src/simulator/platform/rules.ts';
import { eventually } from '../../harness/eventually.ts';
import { rawClient, type RawConnection } from '../../router/raw-client.ts';

/** An edge with its log lines and events. */
export type EdgeFixture = {
  edge: Edge;
  lines: string[];
  events: Parameters<NonNullable<EdgeOptions['emit']>>[0][];
  client(): RawConnection;
  /** Changes the target, as the platform does when its dynos change. */
  setTarget(target: RequestTarget): void;
  /** Waits for the n-th line. */
  line(number?: number): Promise<string>;
};

/** Opens an edge with the platform's rules, except those given. */
export async function openEdgeFixture(
  target: RequestTarget | (() => RequestTarget),
  rules: Partial<Rules> = {},
): Promise<EdgeFixture> {
  let current = typeof target === 'function' ? target : () => target;
  const [lines, events]: [string[], EdgeFixture['events']] = [[], []];
  const edge = await openEdge({
    port: 0,
    rules: { ...scaleRules(PLATFORM, 1), ...rules },
    target: () => current(),
    log: (text) => lines.push(text),
    emit: (event) => events.push(event),
  });
  onTestFinished(() => edge.close());
  return {
    ...{ edge, lines, events },
    client: () => rawClient({ host: '127.0.0.1', port: edge.port }),
    setTarget: (next) => {
      current = () => next;
      edge.retarget();
    },
    line: (number = 1) =>
      eventually(() => {
        expect(lines.length).toBeGreaterThanOrEqual(number);
        return lines[number - 1] ?? '';
      }),
  };
}

export function webTarget(port: number): RequestTarget {
  return { kind: 'dyno', dyno: 'web.1', port };
}

/** A dyno with an HTTP server. */
export async function httpDyno(
  listener: RequestListener,
): Promise<{ target: RequestTarget; server: Server; sockets: Socket[] }> {
  const server = createServer({ keepAliveTimeout: 0 }, listener);
  const { port, sockets } = await listen(server);
  return { target: webTarget(port), server, sockets };
}

/** A dyno with a plain TCP server. */
export async function rawDyno(take: (socket: Socket) => void): Promise<{ target: RequestTarget; sockets: Socket[] }> {
  const { port, sockets } = await listen(createNetServer(take));
  return { target: webTarget(port), sockets };
}

async function listen(server: NetServer): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}
