import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Ballast } from './ballast.ts';
import { knobs } from './knobs.ts';
import { say } from './say.ts';

/** Gets the command's number; gives why not, null when it is done. */
export type Command = (bytes: number) => string | null;

/**
 * Takes one-line commands on the unix socket PID.sock of STAND_IN_CONTROL and answers each with a line, `ok` or why not:
 * `flood BYTES`, `relieve`, and what else this stand-in can. Gives what removes the socket. Never keeps the process alive.
 */
export function takeCommands(own: Readonly<Record<string, Command>> = {}): () => void {
  if (knobs.controlFolder === '') return () => undefined;
  const path = join(knobs.controlFolder, `${process.pid}.sock`);
  const flood = new Ballast();
  const commands = new Map<string, Command>([
    ...Object.entries(own),
    ['flood', needsBytes((bytes) => flood.flood(bytes))],
    ['relieve', () => (flood.release(), null)],
  ]);
  const server = createServer((socket) => converse(socket, commands));
  server.once('error', (error) => say(`the stand-in takes no commands: ${error.message}`));
  const remove = (): void => rmSync(path, { force: true });
  remove(); // of an earlier process with our pid
  server.listen(path).unref();
  process.once('exit', remove);
  return remove;
}

export function needsBytes(act: (bytes: number) => string | null | void): Command {
  return (bytes) => {
    if (!Number.isSafeInteger(bytes) || bytes <= 0) return 'expected a number of bytes';
    return act(bytes) ?? null;
  };
}

function converse(socket: Socket, commands: ReadonlyMap<string, Command>): void {
  let text = '';
  socket.unref();
  socket.on('error', () => socket.destroy());
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    const [line = '', rest] = text.split('\n');
    if (rest !== undefined) socket.end(`${obey(line, commands)}\n`);
  });
}

function obey(line: string, commands: ReadonlyMap<string, Command>): string {
  const [word = '', amount] = line.trim().split(' ');
  const command = commands.get(word);
  if (command === undefined) return `knows ${[...commands.keys()].join(', ')}, not ${word}`;
  return command(Number(amount)) ?? 'ok';
}
