import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { EdgeOptions, Target } from '../../../src/simulator/edge/edge-options.ts';
import { openEdge, type Edge } from '../../../src/simulator/edge/edge.ts';
import { PLATFORM, scaled, type Rules } from '../../../src/simulator/rules.ts';
import { eventually } from '../../harness/eventually.ts';
import { rawClient, type RawConnection } from '../../router/raw-client.ts';

/** An edge, what it says, and where it sends requests at the time. */
export type Bed = {
  edge: Edge;
  lines: string[];
  happenings: Parameters<NonNullable<EdgeOptions['happen']>>[0][];
  client(): RawConnection;
  /** As an owner does it: dynos are others now. */
  move(target: Target): void;
  /** The n-th line, once it is there. */
  line(number?: number): Promise<string>;
};

/** Rules that no test meets by chance, save for those that it names. */
export async function openBed(target: Target | (() => Target), rules: Partial<Rules> = {}): Promise<Bed> {
  let current = typeof target === 'function' ? target : () => target;
  const [lines, happenings]: [string[], Bed['happenings']] = [[], []];
  const edge = await openEdge({
    port: 0,
    rules: { ...scaled(PLATFORM, 1), ...rules },
    target: () => current(),
    say: (text) => lines.push(text),
    happen: (happening) => happenings.push(happening),
  });
  onTestFinished(() => edge.close());
  return {
    ...{ edge, lines, happenings },
    client: () => rawClient({ host: '127.0.0.1', port: edge.port }),
    move: (next) => {
      current = () => next;
      edge.changed();
    },
    line: (number = 1) =>
      eventually(() => {
        expect(lines.length).toBeGreaterThanOrEqual(number);
        return lines[number - 1] ?? '';
      }),
  };
}

export function web(port: number): Target {
  return { kind: 'dyno', dyno: 'web.1', port };
}

/** A dyno that speaks HTTP. */
export async function httpDyno(
  listener: RequestListener,
): Promise<{ target: Target; server: Server; sockets: Socket[] }> {
  const server = createServer({ keepAliveTimeout: 0 }, listener);
  const { port, sockets } = await listen(server);
  return { target: web(port), server, sockets };
}

/** A dyno that does what it likes with its connections. */
export async function rawDyno(take: (socket: Socket) => void): Promise<{ target: Target; sockets: Socket[] }> {
  const { port, sockets } = await listen(createNetServer(take));
  return { target: web(port), sockets };
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
