import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { freePort } from '../simulator/free-port.ts';

/** A loopback port that forwards to another one with this round trip time. It is closed after the test. */
export async function slowLink(target: number, roundTripMs: number): Promise<number> {
  const line = new DelayLine(roundTripMs / 2);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from.setNoDelay(true));
      from.on('data', (bytes) => line.after(() => to.write(bytes)));
      from.on('error', () => {}); // `close` follows
      from.once('close', () => line.after(() => to.destroy()));
    }
  });
  const port = await freePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return port;
}

/** Runs callbacks in order after a fixed delay. Node's timers are limited to whole milliseconds. */
class DelayLine {
  readonly #delayMs: number;
  readonly #queue: { atMs: number; run: () => void }[] = [];

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  after(run: () => void): void {
    this.#queue.push({ atMs: performance.now() + this.#delayMs, run });
    if (this.#queue.length === 1) setImmediate(this.#runDue);
  }

  readonly #runDue = (): void => {
    for (let first = this.#queue[0]; first !== undefined && first.atMs <= performance.now(); first = this.#queue[0]) {
      first.run();
      this.#queue.shift();
    }
    if (this.#queue.length > 0) setImmediate(this.#runDue);
  };
}
