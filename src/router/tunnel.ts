import type { Socket } from 'node:net';
import type { Gate } from './gate.ts';

const PEER = Symbol('peer');
const GATE = Symbol('gate');
/** One end of a WebSocket that we carry. What belongs to it stands on it, and all share the same few functions: there may be
 * thousands, at rest for hours, in a small dyno. */
type End = Socket & { [PEER]?: End; [GATE]?: Gate | undefined };
/** Whoever is inside a gate leaves it without a name. */
const SOMEBODY = { enter(): void {}, refuse(): void {} };

/** Carries bytes both ways, unread, until one end closes. */
export function join(client: Socket, upstream: Socket, gate: Gate): void {
  const [near, far]: [End, End] = [client, upstream];
  near[PEER] = far;
  far[PEER] = near;
  near[GATE] = gate;
  for (const end of [client, upstream]) {
    end.setTimeout(0).setNoDelay();
    end.on('data', carry).on('drain', drained).on('end', ended).on('error', failed);
  }
  upstream.once('close', farClosed);
  client.once('close', nearClosed);
  client.resume();
}

export function isJoined(client: End): boolean {
  return client[PEER] !== undefined;
}

function carry(this: End, data: Buffer): void {
  if (this[PEER]?.write(data) === false) this.pause();
}

function drained(this: End): void {
  this[PEER]?.resume();
}

function ended(this: End): void {
  this[PEER]?.end();
}

function failed(this: End): void {
  this.destroy();
}

/** Nobody is with the upstream any more, however long its last words take to the client: no stop waits for those. */
function farClosed(this: End): void {
  const client = this[PEER];
  if (client !== undefined) leave(client);
  client?.destroySoon();
}

function nearClosed(this: End): void {
  this[PEER]?.destroy();
  leave(this);
}

/** Once, whichever end closes first. */
function leave(client: End): void {
  const gate = client[GATE];
  client[GATE] = undefined;
  gate?.leave(SOMEBODY);
}
