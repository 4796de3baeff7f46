import { FakeUpstream, plainResponse } from './fake-upstream.ts';
import { connectionAfter, packetsOf, type Script, type Scripts } from './fuzz-responses.ts';
import { parseRequests, targetOf, type Message } from './messages.ts';
import type { RawConnection } from './raw-client.ts';
import type { RouterFixture } from './router-fixture.ts';

type UpstreamName = keyof Scripts;
/** A request that reached an upstream, and what the upstream sent back. */
export type Forwarded = {
  number: number;
  upstream: UpstreamName;
  request: Message;
  sent: string;
  isResponding: boolean;
  isDone: boolean;
  /** null until the upstream responds, and for the requests that check whether the router is alive. */
  script: Script | null;
};

const ALIVE_TARGET = /^(\/api\/v1\/streaming)?\/good\//;

/** puma and streaming, which respond as the scripts of a case say. The requests that check whether the router is alive get their own
 * target back. */
export class FuzzUpstreams {
  forwarded: Forwarded[] = [];
  /** Violations seen by the upstreams. */
  problems: string[] = [];
  /** A request came on a connection with the rest of an invalid response: which response it gets is undefined. */
  isTainted = false;
  #scripts: Scripts = { puma: [], streaming: [] };
  readonly #upstreams: readonly FakeUpstream[];

  constructor({ pumaSocket, streamingSocket }: RouterFixture) {
    this.#upstreams = [
      new FakeUpstream(pumaSocket, (connection) => this.#onConnection('puma', connection)),
      new FakeUpstream(streamingSocket, (connection) => this.#onConnection('streaming', connection)),
    ];
  }

  get openConnections(): number {
    return this.#upstreams.reduce((sum, { openConnections }) => sum + openConnections, 0);
  }

  begin(scripts: Scripts): void {
    this.forwarded = [];
    this.problems = [];
    this.isTainted = false;
    this.#scripts = scripts;
    for (const { connections } of this.#upstreams) connections.splice(0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()));
  }

  #onConnection(upstream: UpstreamName, connection: RawConnection): void {
    const onThis: Forwarded[] = [];
    connection.socket.on('data', () => {
      for (const [index, request] of this.#parse(upstream, connection).entries()) {
        const known = onThis[index];
        if (known !== undefined) known.request = request;
        else if (request.headers.length > 0) this.#add(upstream, request, onThis);
        const current = onThis[index];
        if (current !== undefined && !current.isResponding) void this.#respond(current, connection, onThis);
      }
    });
  }

  #parse(upstream: UpstreamName, connection: RawConnection): Message[] {
    try {
      return parseRequests(connection.received);
    } catch (error) {
      const received = JSON.stringify(connection.received);
      this.problems.push(`${upstream} received ${(error as Error).message}: ${received}`);
      connection.socket.destroy();
      return [];
    }
  }

  #add(upstream: UpstreamName, request: Message, onThis: Forwarded[]): void {
    const previous = onThis.at(-1);
    if (previous !== undefined && !isSound(previous)) this.isTainted = true;
    else if (previous?.isDone === false)
      this.problems.push(`${upstream}: ${request.start} before the response to ${previous.request.start}`);
    const number = ALIVE_TARGET.test(targetOf(request)) ? -1 : this.forwarded.length;
    const added = { number, upstream, request, sent: '', isResponding: false, isDone: false, script: null };
    onThis.push(added);
    if (number >= 0) this.forwarded.push(added);
  }

  async #respond(current: Forwarded, { socket }: RawConnection, onThis: readonly Forwarded[]): Promise<void> {
    const { request } = current;
    const script = this.#scriptFor(current);
    if (request.isComplete === false && script?.isEarly !== true) return;
    current.isResponding = true;
    current.script = script;
    if (!onThis.slice(0, -1).every(isSound)) return void socket.destroy();
    if (script?.then === 'destroys') socket.pause(); // unread data turns the close into a reset
    const method = request.start.split(' ')[0] ?? '';
    const packets = script === null ? [plainResponse(targetOf(request))] : packetsOf(script, method, current.number);
    for (const packet of packets) {
      if (!socket.writable) break;
      socket.write(packet, 'latin1');
      current.sent += packet;
      await new Promise((resolve) => setImmediate(resolve));
    }
    current.isDone = true;
    if (script === null) return;
    const then = connectionAfter(script, method);
    if (then === 'ends') socket.end();
    if (then === 'destroys') socket.destroy();
  }

  /** The scripts of an upstream are used in turn. */
  #scriptFor(current: Forwarded): Script | null {
    if (current.number < 0) return null;
    const scripts = this.#scripts[current.upstream];
    const index = this.forwarded.filter(({ upstream }) => upstream === current.upstream).indexOf(current);
    return scripts[index % scripts.length] ?? null;
  }
}

function isSound({ script }: Forwarded): boolean {
  return script === null || script.changes.length === 0;
}
