// A Redis for one run, on a socket in its folder, and a minimal client for its protocol.
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CannotRun } from '../../scripts/quietly.js';
import { onCleanup } from '../cleanup.ts';

export type Reply = number | string | null | Reply[];
type ParsedReply = { value: Reply; end: number };

/** The kernel kills it with this process (setpriv). Throws CannotRun when it does not start. */
export async function startRedis(folder: string): Promise<Redis> {
  const path = join(folder, 'redis');
  const command = ['redis-server', '--port', '0', '--unixsocket', path, '--save', '', '--dir', folder];
  const server = spawn('setpriv', ['--pdeathsig=KILL', '--', ...command], { stdio: 'ignore', detached: true });
  onCleanup(() => server.kill('SIGKILL'));
  while (!existsSync(path)) {
    if (server.exitCode !== null || server.signalCode !== null) throw new CannotRun('redis-server did not start');
    await pause(20);
  }
  const socket = connect(path);
  await once(socket, 'connect');
  onCleanup(() => socket.destroy());
  return new Redis(path, socket);
}

export class Redis {
  readonly url: string;
  readonly #socket: Socket;
  readonly #waiting: ((reply: Reply) => void)[] = [];
  #received: Buffer = Buffer.alloc(0);

  constructor(path: string, socket: Socket) {
    this.url = `unix://${path}`;
    this.#socket = socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Sends one command. */
  ask(...words: readonly (string | number)[]): Promise<Reply> {
    const parts = words.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends a command whose reply is a list of strings. */
  async list(...words: readonly (string | number)[]): Promise<string[]> {
    const reply = await this.ask(...words);
    if (!Array.isArray(reply)) throw new Error(`Redis: ${words.join(' ')} did not return a list`);
    return reply.map(String);
  }

  /** Sends a command whose reply is a number. */
  async count(...words: readonly (string | number)[]): Promise<number> {
    return Number(await this.ask(...words));
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (let reply = parse(this.#received, 0); reply !== undefined; reply = parse(this.#received, 0)) {
      this.#received = this.#received.subarray(reply.end);
      this.#waiting.shift()?.(reply.value);
    }
  }
}

/** The reply that begins at `from`, and the index after it; undefined while it is incomplete. */
function parse(bytes: Buffer, from: number): ParsedReply | undefined {
  const line = bytes.indexOf('\r\n', from);
  if (line < 0) return undefined;
  const text = bytes.toString('utf8', from + 1, line);
  const type = String.fromCharCode(bytes[from] ?? 0);
  if (type === '*') return parseList(bytes, line + 2, Number(text));
  if (type !== '$') return { value: type === ':' ? Number(text) : text, end: line + 2 };
  const end = line + 2 + Number(text);
  if (Number(text) < 0) return { value: null, end: line + 2 };
  return bytes.length < end + 2 ? undefined : { value: bytes.toString('utf8', line + 2, end), end: end + 2 };
}

function parseList(bytes: Buffer, from: number, count: number): ParsedReply | undefined {
  const value: Reply[] = [];
  let end = from;
  while (value.length < count) {
    const item = parse(bytes, end);
    if (item === undefined) return undefined;
    value.push(item.value);
    end = item.end;
  }
  return { value, end };
}
