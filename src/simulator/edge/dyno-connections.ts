import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * The connections to the dynos. An idle one is kept for the platform's time and no shorter, whatever the server says of
 * its own in `Keep-Alive`: one that closes earlier gets the platform's H13 and H18. [D: HTTP Routing, Keepalives]
 */
export class DynoConnections extends Agent {
  readonly #idleMs: number;

  constructor(idleMs: number) {
    super({ keepAlive: true, timeout: idleMs, maxFreeSockets: 256 });
    this.#idleMs = idleMs;
  }

  override keepSocketAlive(socket: Duplex & { setTimeout?(ms: number): void }): boolean {
    socket.setTimeout?.(this.#idleMs);
    return true;
  }
}
