import type { Answer } from './action.ts';
import { openStreamingClient, type StreamingClient } from './edge/streaming-client.ts';

/** Streaming clients that a person has opened, the last one first to go. */
export class Streams {
  readonly #changed: () => void;
  #clients: StreamingClient[] = [];

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#clients.length;
  }

  async open(url: string): Promise<Answer> {
    const client = await openStreamingClient(url);
    this.#clients.push(client);
    void client.closed.then(() => {
      this.#clients = this.#clients.filter((one) => one !== client);
      this.#changed();
    });
    return { ok: true, text: `streaming clients: ${this.size}` };
  }

  closeOne(): Answer {
    const client = this.#clients.pop();
    client?.close();
    return client === undefined
      ? { ok: false, text: 'no streaming client is open' }
      : { ok: true, text: `streaming clients: ${this.size}` };
  }

  close(): void {
    for (const client of this.#clients.splice(0)) client.close();
  }
}
