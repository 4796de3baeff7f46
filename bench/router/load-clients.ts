// WebSocket clients that send nothing, in a process of their own (load-client-process.ts).
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/quietly.js';
import { onCleanup } from '../cleanup.ts';

const SCRIPT = fileURLToPath(new URL('load-client-process.ts', import.meta.url));

export class LoadClients {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(port: number) {
    // The options of this process make node run TypeScript; a name in them is resolved from the working directory.
    const args = [...process.execArgv, SCRIPT, `${port}`];
    this.#child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    onCleanup(() => this.stop());
  }

  /** Connects or disconnects clients until there are `count`. Returns how many of the previous ones were still connected. */
  async resize(count: number): Promise<number> {
    this.#child.stdin.write(`${count}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`load clients: could not connect ${count} WebSockets`);
    return Number(line.value);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
