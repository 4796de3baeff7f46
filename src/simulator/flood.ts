import { connect } from 'node:net';
import { join } from 'node:path';

/** What a stand-in can be told: `flood BYTES` and `relieve`; sidekiq also `convert BYTES`. */
export type FloodCommand = `flood ${number}` | 'relieve' | `convert ${number}`;

const PATIENCE_MS = 5000;

/** Tells the stand-in of that pid; null once it has begun, else why it does not, in words for a person. */
export function flood(controlFolder: string, pid: number, command: FloodCommand): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(join(controlFolder, `${pid}.sock`), () => socket.write(`${command}\n`));
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('does not answer')));
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.once('error', (error) => resolve(`process ${pid} ${reasonOf(error)}`));
    socket.once('close', () => resolve(verdict(pid, answer.trim())));
  });
}

const ENDED = 'ended before it answered';
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'is no stand-in that takes commands: it still boots, or is gone',
  ECONNREFUSED: 'is gone',
  EPIPE: ENDED,
  ECONNRESET: ENDED,
};

function reasonOf(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? error.message;
}

function verdict(pid: number, answer: string): string | null {
  if (answer === 'ok') return null;
  return answer === '' ? `process ${pid} ${ENDED}` : `process ${pid}: ${answer}`;
}
