import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { LogEvent } from '../../src/log/events.ts';
import { clock as realClock } from '../../src/process/runtime.ts';
import type { Clock } from '../../src/host.ts';
import type { ChildStateName, DemandCommand, SupervisorEvent } from '../../src/commands.ts';
import { Router } from '../../src/router/router.ts';
import { tempFolder } from '../harness/dyno.ts';
import { rawClient, type RawConnection } from './raw-client.ts';

export type FixtureOptions = {
  clock?: Clock;
  streaming?: 'inline' | 'on-demand' | null;
  maxConnections?: number;
  /** For the sockets; removed with the test by default. */
  folder?: string;
  /** The upstreams that are ready from the beginning. */
  ready?: readonly ('puma' | 'streaming')[];
};

/** A router on a free port, with sockets for its upstreams in a temporary folder, and everything it logs and asks for. */
export class RouterFixture {
  readonly folder: string;
  readonly pumaSocket: string;
  readonly streamingSocket: string;
  readonly events: LogEvent[] = [];
  readonly commands: DemandCommand[] = [];
  readonly router: Router;
  port = 0;

  constructor({ clock = realClock, streaming = 'inline', maxConnections = 1000, folder }: FixtureOptions) {
    this.folder = folder ?? tempFolder();
    this.pumaSocket = join(this.folder, 'puma.sock');
    this.streamingSocket = join(this.folder, 'streaming.sock');
    const onDemand = streaming === 'on-demand';
    this.router = new Router({
      plan: {
        port: 0,
        bind: '127.0.0.1',
        folder: this.folder,
        puma: { child: 'puma', socket: this.pumaSocket, onDemand: false, maxKeptConnections: 5 },
        streaming:
          streaming === null
            ? null
            : { child: 'streaming', socket: this.streamingSocket, onDemand, maxKeptConnections: 0 },
        maxConnections,
      },
      clock,
      log: (event) => this.events.push(event),
      sendCommand: (command) => this.commands.push(command),
    });
  }

  async listen(): Promise<void> {
    const address = await this.router.listen();
    this.port = Number(/:(\d+)$/.exec(address)?.[1]);
  }

  /** Opens a connection. allowHalfOpen: it stays open after the FIN of the router. */
  client({ allowHalfOpen = false } = {}): RawConnection {
    return rawClient({ host: '127.0.0.1', port: this.port, allowHalfOpen });
  }

  ready(child: string): void {
    this.changed(child, 'ready');
  }

  started(child: string): void {
    this.changed(child, 'starting');
  }

  exited(child: string): void {
    this.changed(child, 'cleaning-up');
  }

  /** The supervisor tells of a new state. */
  changed(child: string, state: ChildStateName, readiness: 'observed' | 'assumed' = 'observed'): void {
    this.tell({ type: 'child-changed', child, state, readiness: state === 'ready' ? readiness : null });
  }

  tell(event: SupervisorEvent): void {
    this.router.onEvent(event);
  }

  /** The dyno begins to stop. */
  stop(): void {
    this.tell({ type: 'dyno-stopping' });
  }

  get warnings(): Extract<LogEvent, { event: 'router-warning' }>[] {
    return this.events.filter((event) => event.event === 'router-warning');
  }
}

/** The fixture ends with its test, which fails if Node warns of anything. */
export async function startRouter(options: FixtureOptions = {}): Promise<RouterFixture> {
  failOnWarnings();
  const fixture = new RouterFixture(options);
  onTestFinished(() => fixture.router.close());
  await fixture.listen();
  for (const child of options.ready ?? ['puma', 'streaming']) {
    fixture.started(child);
    fixture.ready(child);
  }
  return fixture;
}

type RequestOptions = { method?: string; headers?: readonly string[]; body?: string };

/** The bytes of a request. It has a Host header before those given. */
export function request(target: string, { method = 'GET', headers = [], body = '' }: RequestOptions = {}): string {
  const all = ['Host: social.example', ...headers];
  return `${method} ${target} HTTP/1.1\r\n${all.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}

function failOnWarnings(): void {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): unknown => warnings.push(message);
  process.on('warning', onWarning);
  onTestFinished(() => {
    process.off('warning', onWarning);
    expect(warnings, 'warnings of Node').toEqual([]);
  });
}
