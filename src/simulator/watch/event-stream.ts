import type { ServerResponse } from 'node:http';

/** A client that does not take its events holds at most so much of our memory. */
export const HELD_MOST_BYTES = 2 * 2 ** 20;
const RETRY_MS = 1000;

/** Server-sent events to any number of clients. One that does not read is dropped: it connects again and gets the history. */
export class EventStreams {
  /** With the bytes that each may hold. */
  readonly #clients = new Map<ServerResponse, number>();

  get count(): number {
    return this.#clients.size;
  }

  /** `first` is what it gets before all else, however long. */
  add(client: ServerResponse, first: string): void {
    client.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    client.once('close', () => this.#clients.delete(client));
    client.write(`retry: ${RETRY_MS}\n\n${first}`);
    this.#clients.set(client, client.writableLength + HELD_MOST_BYTES);
  }

  send(text: string): void {
    for (const [client, most] of this.#clients) {
      client.write(text);
      if (client.writableLength > most) client.destroy();
    }
  }

  end(last: string): void {
    for (const client of this.#clients.keys()) client.end(last);
    this.#clients.clear();
  }
}

/** One event on the wire. JSON has no line breaks of its own. */
export function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
