// A Redis of the run's own, on a socket in its folder, and the few words of its protocol that asking it takes.
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CannotRun } from '../quietly.js';
import { atEnd } from './ending.js';

/** Goes with this process, by the kernel's hand if need be. Throws CannotRun where it does not start. */
export async function startRedis(folder) {
  const path = join(folder, 'redis');
  const command = ['redis-server', '--port', '0', '--unixsocket', path, '--save', '', '--dir', folder];
  const server = spawn('setpriv', ['--pdeathsig=KILL', '--', ...command], { stdio: 'ignore', detached: true });
  atEnd(() => server.kill('SIGKILL'));
  while (!existsSync(path)) {
    if (server.exitCode !== null || server.signalCode !== null) throw new CannotRun('redis-server did not start');
    await pause(20);
  }
  const socket = connect(path);
  await once(socket, 'connect');
  atEnd(() => socket.destroy());
  return new Redis(path, socket);
}

class Redis {
  #socket;
  #received = Buffer.alloc(0);
  #waiting = [];

  constructor(path, socket) {
    this.url = `unix://${path}`;
    this.#socket = socket.on('data', (chunk) => this.#take(chunk));
  }

  /** One command; gives its reply: a number, a string, null, or a list of those. */
  ask(...words) {
    const parts = words.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(chunk) {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (let reply; (reply = parse(this.#received, 0)); this.#waiting.shift()?.(reply.value)) {
      this.#received = this.#received.subarray(reply.end);
    }
  }
}

/** The reply that begins at `from`, and where it ends; undefined while it is not all there. */
function parse(bytes, from) {
  const line = bytes.indexOf('\r\n', from);
  if (line < 0) return undefined;
  const text = bytes.toString('utf8', from + 1, line);
  const type = String.fromCharCode(bytes[from]);
  if (type === '*') return parseList(bytes, line + 2, Number(text));
  if (type !== '$') return { value: type === ':' ? Number(text) : text, end: line + 2 };
  const end = line + 2 + Number(text);
  if (Number(text) < 0) return { value: null, end: line + 2 };
  return bytes.length < end + 2 ? undefined : { value: bytes.toString('utf8', line + 2, end), end: end + 2 };
}

function parseList(bytes, from, count) {
  const value = [];
  let end = from;
  while (value.length < count) {
    const item = parse(bytes, end);
    if (!item) return undefined;
    value.push(item.value);
    end = item.end;
  }
  return { value, end };
}
