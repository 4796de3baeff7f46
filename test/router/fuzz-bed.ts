import { connect } from 'node:net';
import { FakeClock } from '../fakes/clock.ts';
import { Behind } from './fuzz-behind.ts';
import type { FuzzClient } from './fuzz-clients.ts';
import { isServed, judge, must, repliesTo, requestsIn, type Outcome } from './fuzz-judge.ts';
import { hangs, type Scripts } from './fuzz-replies.ts';
import { readReplies } from './messages.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { Wire } from './wire.ts';

export type FuzzCase = { client: FuzzClient; scripts: Scripts };

/** Far above any wait; what hangs shrinks sooner. */
const PATIENCE_MS = 10_000;
/** In all, after a case: more than anything of ours takes that is over, less than what ends a slow client. */
const REST_MS = 25_000;

/** One router for many cases, each of which leaves it as it was. */
export class Bed {
  readonly #rig: Rig;
  readonly #clock: FakeClock;
  readonly #behind: Behind;
  readonly #patienceMs: number;
  #wires: Wire[] = [];
  #wentFirst = false;
  readonly #idle = socketsOpen();

  private constructor(rig: Rig, clock: FakeClock, isHasty: boolean) {
    [this.#rig, this.#clock, this.#behind] = [rig, clock, new Behind(rig)];
    this.#patienceMs = isHasty ? PATIENCE_MS / 10 : PATIENCE_MS;
  }

  static async start(isHasty: boolean): Promise<Bed> {
    const clock = new FakeClock();
    return new Bed(await startRouter({ clock }), clock, isHasty);
  }

  /** Plays one case. Throws for whatever must not be. */
  async meets({ client, scripts }: FuzzCase): Promise<void> {
    this.#wires = [];
    this.#behind.begin(scripts);
    this.#rig.facts.splice(0);
    const wire = this.#connect();
    try {
      await this.#play(client, scripts, wire);
      await this.#isAlive();
      await this.#isAtRest();
      judge(this.#outcome(client, wire));
      must(this.#behind.problems.length === 0, this.#behind.problems.join('\n'));
    } catch (error) {
      const { served, problems, isTainted } = this.#behind;
      const all = {
        sent: client.packets,
        wire: [wire.received, wire.isClosed, wire.error],
        served,
        problems,
        isTainted,
      };
      throw new Error(`${(error as Error).message}\n${JSON.stringify(all, null, 1)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    for (const { socket } of this.#wires) socket.destroy();
    await this.#rig.router.close();
    await this.#behind.close();
  }

  async #play(client: FuzzClient, scripts: Scripts, wire: Wire): Promise<void> {
    for (const packet of client.packets) {
      if (wire.socket.writable) wire.send(packet);
      await turn();
    }
    this.#wentFirst = true;
    if (client.leaves === 'at once') return wire.reset();
    await this.#isAlive();
    const all = [...scripts.puma, ...scripts.streaming];
    if (!all.some(hangs)) await this.#until(() => this.#isOver(client, wire), 'neither answered nor closed');
    if (client.isProper && all.every(({ isProper }) => isProper)) {
      isServed(this.#outcome(client, wire));
      const mistakes = this.#rig.told('router-trouble').filter(({ why }) => !why.startsWith('101'));
      must(mistakes.length === 0, `trouble: ${mistakes[0]?.why ?? ''}`);
    }
    this.#wentFirst = !wire.isClosed;
    if (client.leaves === 'in order') wire.socket.end();
    else wire.reset();
  }

  /** Every whole request has its reply, or the connection is closed. Nobody knows how many there are where they are not proper. */
  #isOver(client: FuzzClient, wire: Wire): boolean {
    const asked = requestsIn(client)?.filter(({ isComplete }) => isComplete === true) ?? [];
    if (wire.isClosed || asked.length === 0) return true;
    const replies = repliesTo({ client, wire })?.filter(({ isComplete }) => isComplete === true) ?? [];
    return replies.length >= asked.length;
  }

  /** Others are served, by both. */
  async #isAlive(): Promise<void> {
    await Promise.all(['/good/puma', '/api/v1/streaming/good/streaming'].map((target) => this.#isGood(target)));
  }

  async #isGood(target: string): Promise<void> {
    const wire = this.#connect().send(request(target));
    const { isTainted } = this.#behind;
    const reply = (): string | undefined =>
      readReplies(wire.received).find(({ isComplete }) => isComplete === true)?.body;
    await this.#until(() => wire.isClosed || reply() !== undefined, `no answer to ${target}`);
    must(isTainted || this.#behind.isTainted || reply() === target, `${target} was answered ${wire.received}`);
    wire.socket.end();
  }

  async #isAtRest(): Promise<void> {
    let turns = 0;
    const last = this.#clock.now() + REST_MS;
    await this.#until(() => {
      turns += 1;
      if (turns % 8 === 1 && this.#clock.left > 0 && this.#clock.now() < last) void this.#clock.advance(5000);
      return (
        this.#wires.every(({ isClosed }) => isClosed) &&
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
    const open = this.#wires.filter(({ isClosed }) => !isClosed).length;
    return `${what}: open are ${open} clients, ${this.#behind.open} at upstreams, ${socketsOpen() - this.#idle} in all, ${this.#clock.left} timers`;
  }

  #outcome(client: FuzzClient, wire: Wire): Outcome {
    const { served, isTainted } = this.#behind;
    return { client, wire, wentFirst: this.#wentFirst, served, isTainted };
  }

  #connect(): Wire {
    const wire = new Wire(connect({ host: '127.0.0.1', port: this.#rig.port, noDelay: true }));
    this.#wires.push(wire);
    return wire;
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
