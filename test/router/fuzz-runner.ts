import { connect } from 'node:net';
import { FakeClock } from '../fakes/clock.ts';
import { Behind } from './fuzz-upstreams.ts';
import type { FuzzClient } from './fuzz-clients.ts';
import { isServed, judge, must, repliesTo, requestsIn, type Outcome } from './fuzz-checker.ts';
import { hangs, type Scripts } from './fuzz-responses.ts';
import { parseResponses } from './messages.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { RawConnection } from './raw-client.ts';

export type FuzzCase = { client: FuzzClient; scripts: Scripts };

/** Far above any wait; what hangs shrinks sooner. */
const PATIENCE_MS = 10_000;
/** In all, after a case: more than anything of ours takes that is over, less than what ends a slow client. */
const REST_MS = 25_000;

/** One router for many cases, each of which leaves it as it was. */
export class Bed {
  readonly #fixture: RouterFixture;
  readonly #clock: FakeClock;
  readonly #behind: Behind;
  readonly #patienceMs: number;
  #connections: RawConnection[] = [];
  #wentFirst = false;
  readonly #idle = socketsOpen();

  private constructor(fixture: RouterFixture, clock: FakeClock, isHasty: boolean) {
    [this.#fixture, this.#clock, this.#behind] = [fixture, clock, new Behind(fixture)];
    this.#patienceMs = isHasty ? PATIENCE_MS / 10 : PATIENCE_MS;
  }

  static async start(isHasty: boolean): Promise<Bed> {
    const clock = new FakeClock();
    return new Bed(await startRouter({ clock }), clock, isHasty);
  }

  /** Plays one case. Throws for whatever must not be. */
  async meets({ client, scripts }: FuzzCase): Promise<void> {
    this.#connections = [];
    this.#behind.begin(scripts);
    this.#fixture.events.splice(0);
    const connection = this.#connect();
    try {
      await this.#play(client, scripts, connection);
      await this.#isAlive();
      await this.#isAtRest();
      judge(this.#outcome(client, connection));
      must(this.#behind.problems.length === 0, this.#behind.problems.join('\n'));
    } catch (error) {
      const { served, problems, isTainted } = this.#behind;
      const all = {
        sent: client.packets,
        connection: [connection.received, connection.isClosed, connection.error],
        served,
        problems,
        isTainted,
      };
      throw new Error(`${(error as Error).message}\n${JSON.stringify(all, null, 1)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    for (const { socket } of this.#connections) socket.destroy();
    await this.#fixture.router.close();
    await this.#behind.close();
  }

  async #play(client: FuzzClient, scripts: Scripts, connection: RawConnection): Promise<void> {
    for (const packet of client.packets) {
      if (connection.socket.writable) connection.send(packet);
      await turn();
    }
    this.#wentFirst = true;
    if (client.leaves === 'at once') return connection.reset();
    await this.#isAlive();
    const all = [...scripts.puma, ...scripts.streaming];
    if (!all.some(hangs)) await this.#until(() => this.#isOver(client, connection), 'neither answered nor closed');
    if (client.isProper && all.every(({ isProper }) => isProper)) {
      isServed(this.#outcome(client, connection));
      const mistakes = this.#fixture.warnings.filter(({ why }) => !why.startsWith('sent 101 '));
      must(mistakes.length === 0, `trouble: ${mistakes[0]?.why ?? ''}`);
    }
    this.#wentFirst = !connection.isClosed;
    if (client.leaves === 'in order') connection.socket.end();
    else connection.reset();
  }

  /** Every whole request has its response, or the connection is closed. Nobody knows how many there are where they are not proper. */
  #isOver(client: FuzzClient, connection: RawConnection): boolean {
    const asked = requestsIn(client)?.filter(({ isComplete }) => isComplete === true) ?? [];
    if (connection.isClosed || asked.length === 0) return true;
    const responses = repliesTo({ client, connection })?.filter(({ isComplete }) => isComplete === true) ?? [];
    return responses.length >= asked.length;
  }

  /** Others are served, by both. */
  async #isAlive(): Promise<void> {
    await Promise.all(['/good/puma', '/api/v1/streaming/good/streaming'].map((target) => this.#isGood(target)));
  }

  async #isGood(target: string): Promise<void> {
    const connection = this.#connect().send(request(target));
    const { isTainted } = this.#behind;
    const response = (): string | undefined =>
      parseResponses(connection.received).find(({ isComplete }) => isComplete === true)?.body;
    await this.#until(() => connection.isClosed || response() !== undefined, `no answer to ${target}`);
    must(isTainted || this.#behind.isTainted || response() === target, `${target} was answered ${connection.received}`);
    connection.socket.end();
  }

  async #isAtRest(): Promise<void> {
    let turns = 0;
    const last = this.#clock.now() + REST_MS;
    await this.#until(() => {
      turns += 1;
      if (turns % 8 === 1 && this.#clock.left > 0 && this.#clock.now() < last) void this.#clock.advance(5000);
      return (
        this.#connections.every(({ isClosed }) => isClosed) &&
        this.#behind.open === 0 &&
        this.#clock.left === 0 &&
        socketsOpen() <= this.#idle
      );
    }, 'a connection or a timer is left');
  }

  async #until(holds: () => boolean, otherwise: string): Promise<void> {
    const end = performance.now() + this.#patienceMs;
    while (!holds()) {
      must(performance.now() < end, this.#describe(otherwise));
      await turn();
    }
  }

  #describe(what: string): string {
    const open = this.#connections.filter(({ isClosed }) => !isClosed).length;
    return `${what}: open are ${open} clients, ${this.#behind.open} at upstreams, ${socketsOpen() - this.#idle} in all, ${this.#clock.left} timers`;
  }

  #outcome(client: FuzzClient, connection: RawConnection): Outcome {
    const { served, isTainted } = this.#behind;
    return { client, connection, wentFirst: this.#wentFirst, served, isTainted };
  }

  #connect(): RawConnection {
    const connection = new RawConnection(connect({ host: '127.0.0.1', port: this.#fixture.port, noDelay: true }));
    this.#connections.push(connection);
    return connection;
  }
}

/** Lets everybody read what has come. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** In this process, the router's among them. */
function socketsOpen(): number {
  return process.getActiveResourcesInfo().filter((what) => what === 'TCPSocketWrap').length;
}
