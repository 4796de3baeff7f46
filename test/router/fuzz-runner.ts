import { connect } from 'node:net';
import { FakeClock } from '../fakes/clock.ts';
import { turn } from './each-turn.ts';
import { check, checkAllServed, checkOutcome, requestsIn, responsesTo, type Outcome } from './fuzz-checker.ts';
import type { FuzzClient } from './fuzz-clients.ts';
import { mayHang, type Scripts } from './fuzz-responses.ts';
import { FuzzUpstreams } from './fuzz-upstreams.ts';
import { parseResponses } from './messages.ts';
import { RawConnection } from './raw-client.ts';
import { request, RouterFixture } from './router-fixture.ts';

export type FuzzCase = { client: FuzzClient; scripts: Scripts };

/** Far above any real wait. While shrinking a case, a tenth of it. */
const TIMEOUT_MS = 10_000;
/** More than any timer of a finished request takes, and less than the limits for slow clients. */
const REST_MS = 25_000;

/** One router for many cases. Each case has to leave it without a connection or a timer. */
export class FuzzRunner {
  readonly #fixture: RouterFixture;
  readonly #clock: FakeClock;
  readonly #upstreams: FuzzUpstreams;
  readonly #timeoutMs: number;
  #clients: RawConnection[] = [];
  #clientClosedFirst = false;
  readonly #socketsAtStart = countSockets();

  private constructor(fixture: RouterFixture, clock: FakeClock, isShrinking: boolean) {
    this.#fixture = fixture;
    this.#clock = clock;
    this.#upstreams = new FuzzUpstreams(fixture);
    this.#timeoutMs = isShrinking ? TIMEOUT_MS / 10 : TIMEOUT_MS;
  }

  static async start({ isShrinking }: { isShrinking: boolean }): Promise<FuzzRunner> {
    const clock = new FakeClock();
    const fixture = new RouterFixture({ clock });
    await fixture.listen();
    for (const child of ['puma', 'streaming']) fixture.ready(child);
    return new FuzzRunner(fixture, clock, isShrinking);
  }

  /** Throws for any violation. */
  async run({ client, scripts }: FuzzCase): Promise<void> {
    this.#clients = [];
    this.#upstreams.begin(scripts);
    this.#fixture.events.splice(0);
    const connection = this.#connect();
    try {
      await this.#exchange(client, scripts, connection);
      await this.#checkAlive();
      await this.#untilAtRest();
      checkOutcome(this.#outcome(client, connection));
      check(this.#upstreams.problems.length === 0, this.#upstreams.problems.join('\n'));
    } catch (error) {
      const { forwarded, problems, isTainted } = this.#upstreams;
      const details = {
        sent: client.packets,
        client: [connection.received, connection.isClosed, connection.error],
        forwarded,
        problems,
        isTainted,
      };
      throw new Error(`${(error as Error).message}\n${JSON.stringify(details, null, 1)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    for (const { socket } of this.#clients) socket.destroy();
    await this.#fixture.router.close();
    await this.#upstreams.close();
  }

  async #exchange(client: FuzzClient, scripts: Scripts, connection: RawConnection): Promise<void> {
    for (const packet of client.packets) {
      if (connection.socket.writable) connection.send(packet);
      await turn();
    }
    this.#clientClosedFirst = true;
    if (client.leaves === 'at once') return connection.reset();
    await this.#checkAlive();
    const all = [...scripts.puma, ...scripts.streaming];
    if (!all.some(mayHang)) await this.#until(() => this.#isDone(client, connection), 'no response and not closed');
    if (client.isValid && all.every(({ isValid }) => isValid)) {
      checkAllServed(this.#outcome(client, connection));
      // A script may accept an upgrade that was not requested.
      const unexpected = this.#fixture.warnings.filter(({ reason }) => !reason.startsWith('sent 101 '));
      check(unexpected.length === 0, `warning: ${unexpected[0]?.reason ?? ''}`);
    }
    this.#clientClosedFirst = !connection.isClosed;
    if (client.leaves === 'in order') connection.socket.end();
    else connection.reset();
  }

  /** Every complete request has its response, or the connection is closed. Invalid bytes hold an unknown number of requests. */
  #isDone(client: FuzzClient, connection: RawConnection): boolean {
    const complete = requestsIn(client)?.filter(({ isComplete }) => isComplete === true) ?? [];
    if (connection.isClosed || complete.length === 0) return true;
    const responses = responsesTo({ client, connection })?.filter(({ isComplete }) => isComplete === true) ?? [];
    return responses.length >= complete.length;
  }

  /** Other clients are served by both upstreams. */
  async #checkAlive(): Promise<void> {
    await Promise.all(['/good/puma', '/api/v1/streaming/good/streaming'].map((target) => this.#checkServed(target)));
  }

  async #checkServed(target: string): Promise<void> {
    const connection = this.#connect().send(request(target));
    const { isTainted } = this.#upstreams;
    const body = (): string | undefined =>
      parseResponses(connection.received).find(({ isComplete }) => isComplete === true)?.body;
    await this.#until(() => connection.isClosed || body() !== undefined, `no response to ${target}`);
    const isCorrect = isTainted || this.#upstreams.isTainted || body() === target;
    check(isCorrect, `the response to ${target} is ${connection.received}`);
    connection.socket.end();
  }

  async #untilAtRest(): Promise<void> {
    let turns = 0;
    const end = this.#clock.now() + REST_MS;
    await this.#until(() => {
      turns += 1;
      if (turns % 8 === 1 && this.#clock.pendingTimers > 0 && this.#clock.now() < end) void this.#clock.advance(5000);
      return (
        this.#clients.every(({ isClosed }) => isClosed) &&
        this.#upstreams.openConnections === 0 &&
        this.#clock.pendingTimers === 0 &&
        countSockets() <= this.#socketsAtStart
      );
    }, 'a connection or a timer is left');
  }

  async #until(condition: () => boolean, failure: string): Promise<void> {
    const end = performance.now() + this.#timeoutMs;
    while (!condition()) {
      check(performance.now() < end, `${failure}: ${this.#describeOpen()}`);
      await turn();
    }
  }

  #describeOpen(): string {
    const clients = this.#clients.filter(({ isClosed }) => !isClosed).length;
    const sockets = countSockets() - this.#socketsAtStart;
    const { openConnections } = this.#upstreams;
    return `${clients} clients, ${openConnections} upstream connections, ${sockets} sockets, ${this.#clock.pendingTimers} timers`;
  }

  #outcome(client: FuzzClient, connection: RawConnection): Outcome {
    const { forwarded, isTainted } = this.#upstreams;
    return { client, connection, clientClosedFirst: this.#clientClosedFirst, forwarded, isTainted };
  }

  #connect(): RawConnection {
    const connection = new RawConnection(connect({ host: '127.0.0.1', port: this.#fixture.port, noDelay: true }));
    this.#clients.push(connection);
    return connection;
  }
}

/** The TCP sockets of this process, those of the router included. */
function countSockets(): number {
  return process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap').length;
}
