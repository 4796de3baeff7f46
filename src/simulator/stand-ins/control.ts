import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { options } from './env-options.ts';
import { MemoryBallast } from './memory-ballast.ts';
import { writeLine } from './write-line.ts';

/** Takes the command's number. Returns an error, or null when done. */
type Command = (bytes: number) => string | null;

/** Serves one-line commands on the unix socket PID.sock in STAND_IN_CONTROL: `flood BYTES`, `relieve`, and the
 * stand-in's own. Answers each with `ok` or an error. Returns a function that removes the socket. Does not keep the
 * process alive. */
export function openControlSocket(own: Readonly<Record<string, Command>> = {}): () => void {
  if (options.controlFolder === '') return () => undefined;
  const path = join(options.controlFolder, `${process.pid}.sock`);
  const flood = new MemoryBallast();
  const commands = new Map<string, Command>([
    ...Object.entries(own),
    ['flood', withBytes((bytes) => flood.growBy(bytes))],
    ['relieve', () => (flood.release(), null)],
  ]);
  const server = createServer((socket) => serve(socket, commands));
  server.once('error', (error) => writeLine(`the stand-in takes no commands: ${error.message}`));
  const remove = (): void => rmSync(path, { force: true });
  remove(); // left by an earlier process with this pid
  server.listen(path).unref();
  process.once('exit', remove);
  return remove;
}

export function withBytes(act: (bytes: number) => string | null | void): Command {
  return (bytes) => {
    if (!Number.isSafeInteger(bytes) || bytes <= 0) return 'expected a number of bytes';
    return act(bytes) ?? null;
  };
}

function serve(socket: Socket, commands: ReadonlyMap<string, Command>): void {
  let text = '';
  socket.unref();
  socket.on('error', () => socket.destroy());
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    const [line = '', rest] = text.split('\n');
    if (rest !== undefined) socket.end(`${runCommand(line, commands)}\n`);
  });
}

function runCommand(line: string, commands: ReadonlyMap<string, Command>): string {
  const [word = '', amount] = line.trim().split(' ');
  const command = commands.get(word);
  if (command === undefined) return `knows ${[...commands.keys()].join(', ')}, not ${word}`;
  return command(Number(amount)) ?? 'ok';
}
