import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Fact } from '../../src/facts.ts';
import { clock as realClock } from '../../src/host/clock.ts';
import type { Clock } from '../../src/host/host.ts';
import type { Demand } from '../../src/measures.ts';
import { Router } from '../../src/router/router.ts';
import { tempFolder } from '../harness/dyno.ts';
import { wireTo, type Wire } from './wire.ts';

export type RigOptions = {
  clock?: Clock;
  streaming?: 'inline' | 'on-demand' | null;
  mostConnections?: number;
  /** Who is up from the beginning. */
  up?: readonly ('puma' | 'streaming')[];
};

/** A router on a port of its own before sockets in a temporary folder, and all that it says. Ends with its test. */
export class Rig {
  readonly folder = tempFolder();
  readonly pumaSocket = join(this.folder, 'puma.sock');
  readonly streamingSocket = join(this.folder, 'streaming.sock');
  readonly facts: Fact[] = [];
  readonly demands: Demand[] = [];
  readonly router: Router;
  shortage: string | null = null;
  port = 0;

  constructor({ clock = realClock, streaming = 'inline', mostConnections = 1000 }: RigOptions) {
    this.router = new Router({
      plan: {
        port: 0,
        bind: '127.0.0.1',
        folder: this.folder,
        puma: { child: 'puma', socket: this.pumaSocket, onDemand: false, keeps: 5 },
        streaming:
          streaming === null
            ? null
            : { child: 'streaming', socket: this.streamingSocket, onDemand: streaming === 'on-demand', keeps: 0 },
        mostConnections,
      },
      clock,
      tell: (fact) => this.facts.push(fact),
      ask: (demand) => this.demands.push(demand),
      shortage: () => this.shortage,
    });
  }

  /** A new connection of a client. */
  client(): Wire {
    return wireTo({ host: '127.0.0.1', port: this.port });
  }

  ready(child: string): void {
    this.router.hear({ fact: 'ready', child, afterMs: 1 });
  }

  started(child: string): void {
    this.router.hear({ fact: 'started', child, command: ['true'], pid: 1 });
  }

  ended(child: string): void {
    this.router.hear({ fact: 'ended', child, status: { kind: 'exited', code: 0 }, afterMs: 1 });
  }

  /** What was told of this kind. */
  told<K extends Fact['fact']>(kind: K): Extract<Fact, { fact: K }>[] {
    return this.facts.filter((fact): fact is Extract<Fact, { fact: K }> => fact.fact === kind);
  }
}

/** Nothing that Node warns of may happen until the test is over. */
export async function startRouter(options: RigOptions = {}): Promise<Rig> {
  nothingToWarnOf();
  const rig = new Rig(options);
  onTestFinished(() => rig.router.close());
  const where = await rig.router.listen();
  rig.port = Number(/:(\d+)$/.exec(where)?.[1]);
  const { up = ['puma', 'streaming'] } = options;
  for (const child of up) {
    rig.started(child);
    rig.ready(child);
  }
  return rig;
}

/** The text of a request; `Host` is given. */
export function request(target: string, { method = 'GET', headers = [], body = '' }: RequestOptions = {}): string {
  const all = ['Host: social.example', ...headers];
  return `${method} ${target} HTTP/1.1\r\n${all.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}
type RequestOptions = { method?: string; headers?: readonly string[]; body?: string };

function nothingToWarnOf(): void {
  const warnings: string[] = [];
  const heard = ({ message }: Error): unknown => warnings.push(message);
  process.on('warning', heard);
  onTestFinished(() => {
    process.off('warning', heard);
    expect(warnings, 'warnings of Node').toEqual([]);
  });
}
