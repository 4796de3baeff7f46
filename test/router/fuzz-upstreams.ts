import { afterwards, packetsOf, type Script, type Scripts } from './fuzz-responses.ts';
import { parseRequests, targetOf, type Message } from './messages.ts';
import type { RouterFixture } from './router-fixture.ts';
import { plainResponse, FakeUpstream } from './fake-upstream.ts';
import type { RawConnection } from './raw-client.ts';

type Name = keyof Scripts;
/** A request that came to an upstream, and what it sent back. */
export type Served = {
  number: number;
  by: Name;
  request: Message;
  sent: string;
  isBegun: boolean;
  isDone: boolean;
  /** null until it is answered, and for those who ask whether all is well. */
  script: Script | null;
};

const GOOD = /^(\/api\/v1\/streaming)?\/good\//;

/** puma and streaming as the scripts of a case have them; those who ask whether all is well get their own target back. */
export class Behind {
  served: Served[] = [];
  /** What must not be. */
  problems: string[] = [];
  /** A request met the rest of an answer that was not what it seemed: whose answer comes then is a matter of luck. */
  isTainted = false;
  #scripts: Scripts = { puma: [], streaming: [] };
  readonly #upstreams: readonly FakeUpstream[];

  constructor({ pumaSocket, streamingSocket }: RouterFixture) {
    this.#upstreams = [
      new FakeUpstream(pumaSocket, (connection) => this.#greet('puma', connection)),
      new FakeUpstream(streamingSocket, (connection) => this.#greet('streaming', connection)),
    ];
  }

  get open(): number {
    return this.#upstreams.reduce((sum, { openConnections }) => sum + openConnections, 0);
  }

  begin(scripts: Scripts): void {
    [this.served, this.problems, this.isTainted, this.#scripts] = [[], [], false, scripts];
    for (const { connections } of this.#upstreams) connections.splice(0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#upstreams.map((each) => each.close()));
  }

  #greet(by: Name, connection: RawConnection): void {
    const here: Served[] = [];
    connection.socket.on('data', () => {
      for (const [index, request] of this.#read(by, connection).entries()) {
        const known = here[index];
        if (known !== undefined) known.request = request;
        else if (request.headers.length > 0) this.#arrived(by, request, here);
        const one = here[index];
        if (one !== undefined && !one.isBegun) void this.#answer(one, connection, here);
      }
    });
  }

  #read(by: Name, connection: RawConnection): Message[] {
    try {
      return parseRequests(connection.received);
    } catch (error) {
      this.problems.push(`${by} got ${(error as Error).message}: ${JSON.stringify(connection.received)}`);
      connection.socket.destroy();
      return [];
    }
  }

  #arrived(by: Name, request: Message, here: Served[]): void {
    const before = here.at(-1);
    if (before !== undefined && !isSound(before)) this.isTainted = true;
    else if (before?.isDone === false)
      this.problems.push(`${by}: ${request.start} before the answer to ${before.request.start}`);
    const number = GOOD.test(targetOf(request)) ? -1 : this.served.length;
    const one: Served = { number, by, request, sent: '', isBegun: false, isDone: false, script: null };
    here.push(one);
    if (number >= 0) this.served.push(one);
  }

  async #answer(one: Served, { socket }: RawConnection, here: readonly Served[]): Promise<void> {
    const { by, request } = one;
    const script = one.number < 0 ? null : (this.#scripts[by][this.#nth(one) % this.#scripts[by].length] ?? null);
    if (request.isComplete === false && script?.isEarly !== true) return;
    one.isBegun = true;
    one.script = script;
    if (!here.slice(0, -1).every(isSound)) return void socket.destroy();
    if (script?.then === 'destroys') socket.pause(); // what is not read makes it a reset
    const method = request.start.split(' ')[0] ?? '';
    for (const packet of script === null ? [plainResponse(targetOf(request))] : packetsOf(script, method, one.number)) {
      if (!socket.writable) break;
      socket.write(packet, 'latin1');
      one.sent += packet;
      await new Promise((resolve) => setImmediate(resolve));
    }
    one.isDone = true;
    if (script === null) return;
    const then = afterwards(script, method);
    if (then === 'ends') socket.end();
    if (then === 'destroys') socket.destroy();
  }

  #nth(one: Served): number {
    return this.served.filter(({ by }) => by === one.by).indexOf(one);
  }
}

function isSound({ script }: Served): boolean {
  return script === null || script.changes.length === 0;
}
