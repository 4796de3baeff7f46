import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseAction, type Answer } from '../action.ts';
import type { Simulation } from '../simulation.ts';
import { BODY_MOST_BYTES, tooLarge } from './page-access.ts';

/** Reads one action, does it, answers what came of it. Never rejects. */
export async function takeAction(simulation: Simulation, asked: IncomingMessage, reply: ServerResponse): Promise<void> {
  const body = await bodyOf(asked).catch(() => undefined);
  if (body === undefined) return void reply.destroy();
  if (body === null) return say(reply, 413, { ok: false, text: tooLarge().why });
  const action = parseAction(dataOf(body));
  if (typeof action === 'string') return say(reply, 400, { ok: false, text: action });
  say(reply, 200, await simulation.act(action));
}

/** null: too long. */
async function bodyOf(asked: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Left open where it is too long: the answer goes out on the same socket.
  for await (const chunk of asked.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_MOST_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function dataOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function say(reply: ServerResponse, status: number, answer: Answer): void {
  if (status === 413) reply.setHeader('Connection', 'close');
  reply.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
}
