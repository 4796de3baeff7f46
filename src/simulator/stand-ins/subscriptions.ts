import { knobs } from './knobs.ts';
import { say } from './say.ts';

/** One client's share of the subscription of its account. */
export type Subscription = {
  /** Whether Redis delivers messages for the account. */
  isLive: boolean;
  leave(): void;
};

type Channel = { clients: number; isLive: boolean };

/**
 * The Redis subscriptions of the streaming server: one for each account, shared by the clients of that account. The real server
 * answers its health check before its Redis connection is ready. A SUBSCRIBE that it sends before then fails, and is not sent
 * again while the account has a client, so that all clients of the account receive nothing.
 */
export class Subscriptions {
  readonly #channels = new Map<string, Channel>();
  #isRedisReady = false;

  /** Call this when the server listens. */
  connect(): void {
    if (knobs.redisMs === 0) this.#isRedisReady = true;
    else setTimeout(() => (this.#isRedisReady = true), knobs.redisMs).unref();
  }

  subscribe(account: string): Subscription {
    const channel = this.#channels.get(account) ?? this.#open(account);
    channel.clients += 1;
    return { isLive: channel.isLive, leave: () => this.#leave(account, channel) };
  }

  #open(account: string): Channel {
    const channel = { clients: 0, isLive: this.#isRedisReady };
    if (!channel.isLive)
      say('ERROR: Error subscribing to the timeline of an account (stand-in: Redis is not ready yet)');
    this.#channels.set(account, channel);
    return channel;
  }

  #leave(account: string, channel: Channel): void {
    channel.clients -= 1;
    if (channel.clients === 0) this.#channels.delete(account);
  }
}
