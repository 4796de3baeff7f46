import { request, type IncomingMessage } from 'node:http';
import type { Answer } from './record.ts';
import { now } from './now.ts';
import type { Question } from './story.ts';

const PATHS: { [question in Question]: string } = {
  echo: '/echo',
  slow: '/slow',
  big: '/big',
  post: '/post',
  stream: '/api/v1/streaming/user',
  upgrade: '/upgrade',
};
const SENT = `${'.'.repeat(100_000)}the end.`;

/** One request on a connection of its own, and what came of it; `giveUp` ends the waiting. */
export function ask(port: number, question: Question, id: string, giveUp: AbortSignal): Promise<Answer> {
  const askedAtMs = now();
  return new Promise((resolve) => {
    const end = (gave: Answer['gave']): void => resolve({ question, id, askedAtMs, endedAtMs: now(), gave });
    const headers = { 'X-Request-Id': id, ...(question === 'upgrade' ? { Connection: 'Upgrade', Upgrade: 'x' } : {}) };
    const method = question === 'post' ? 'POST' : 'GET';
    const asked = request({ port, host: '127.0.0.1', path: PATHS[question], method, headers, agent: false });
    asked.on('response', (response) => void hear(response).then((text) => end(judged(question, id, response, text))));
    asked.on('error', () => end('nothing'));
    giveUp.addEventListener('abort', () => (end('no end'), asked.destroy()), { once: true });
    asked.end(question === 'post' ? SENT : undefined);
  });
}

async function hear(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8').on('data', (some: string) => (text += some));
  response.on('error', () => {});
  await new Promise((resolve) => response.once('close', resolve));
  return text;
}

function judged(question: Question, id: string, response: IncomingMessage, text: string): Answer['gave'] {
  const status = response.statusCode ?? 0;
  const isRight = text === expected(question, id) && response.headers['x-echo'] === id;
  return { status, isWhole: response.complete, isRight: status === 200 && isRight };
}

function expected(question: Question, id: string): string {
  switch (question) {
    case 'echo':
    case 'upgrade':
      return `echo ${id}`;
    case 'slow':
      return `slow ${id} ${'x'.repeat(2000)}`;
    case 'big':
      return `${id} `.repeat(20_000);
    case 'post':
      return `post ${id} ${SENT.length} the end.`;
    case 'stream':
      return [4, 3, 2, 1].map((left) => `data: ${id} ${left}\n\n`).join('');
  }
}
