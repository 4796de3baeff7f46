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

function verdict(pid: number, answer: string): string | null {
  if (answer === 'ok') return null;
  return answer === '' ? `process ${pid} ended before it answered` : `process ${pid}: ${answer}`;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  const isAbsent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
  return isAbsent ? 'is no stand-in that takes commands: it still boots, or is gone' : error.message;
}
