import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../harness/eventually.ts';

const run = promisify(execFile);

/** A Redis of one story, in a folder of its own; what it has said yes to outlives its restart. */
export class StoryRedis {
  readonly url: string;
  readonly #folder: string;
  readonly #socket: string;
  #server: ChildProcess | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.#socket = join(folder, 'redis');
    this.url = `unix://${this.#socket}`;
  }

  async start(): Promise<void> {
    const place = ['--port', '0', '--unixsocket', this.#socket, '--dir', this.#folder];
    const keeps = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no'];
    const command = ['setpriv', '--pdeathsig=KILL', '--', 'redis-server', ...place, ...keeps] as const;
    this.#server = spawn(command[0], command.slice(1), { stdio: 'ignore', cwd: '/' });
    await eventually(() => this.ask('ping'));
  }

  /** It writes down all it has and goes. */
  async stop(): Promise<void> {
    if (this.#server === null || this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    this.#server.kill('SIGTERM');
    await once(this.#server, 'exit');
  }

  /** One command; its answer line by line. Rejects where Redis has not said yes. */
  async ask(...words: readonly string[]): Promise<string[]> {
    const { stdout } = await run('redis-cli', ['-e', '-s', this.#socket, ...words], { cwd: '/', maxBuffer: 1e8 });
    return stdout.split('\n').filter((line) => line !== '');
  }
}
