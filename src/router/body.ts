import type { ServerResponse } from 'node:http';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Sends a piece of a request's body on. False when the upstream wants no more for now. */
export function send({ socket }: UpstreamConnection, data: Buffer, isChunked: boolean): boolean {
  if (!isChunked) return socket.write(data);
  socket.cork();
  socket.write(`${data.length.toString(16)}\r\n`, 'latin1');
  socket.write(data);
  const takesMore = socket.write('\r\n', 'latin1');
  socket.uncork();
  return takesMore;
}

/** The end of a chunked body. */
export function lastChunk(rawTrailers: readonly string[]): string {
  const lines = pairs(rawTrailers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `0\r\n${lines.join('')}\r\n`;
}

/** Names and values by turns, two by two. */
export function pairs(turns: readonly string[]): [name: string, value: string][] {
  const all: [string, string][] = [];
  for (let at = 0; at + 1 < turns.length; at += 2) all.push([turns[at] ?? '', turns[at + 1] ?? '']);
  return all;
}

/** Announces nothing that cannot follow. The usual reply has none, and is left as it is. */
export function withoutTrailer(headers: string[]): string[] {
  const all = pairs(headers);
  const isAnnounced = all.some(([name]) => name.length === 7 && name.toLowerCase() === 'trailer');
  return isAnnounced ? all.filter(([name]) => name.toLowerCase() !== 'trailer').flat() : headers;
}

/** Passes early hints (103) on; some that Node does not take are left out. */
export function hint(response: ServerResponse, headers: readonly string[]): void {
  const hints: Record<string, string | string[]> = {};
  for (const [name, value] of pairs(headers)) {
    const so = hints[name.toLowerCase()];
    hints[name.toLowerCase()] = so === undefined ? value : [so, value].flat();
  }
  try {
    if (hints.link !== undefined) response.writeEarlyHints(hints);
  } catch {
    // hints are hints
  }
}
