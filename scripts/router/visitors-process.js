// visitors.js in a process of its own.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atEnd } from '../memory/ending.js';

const script = fileURLToPath(new URL('visitors.js', import.meta.url));

export class Visitors {
  #child;
  #answers;

  constructor(port) {
    this.#child = spawn(process.execPath, [script, `${port}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    atEnd(() => this.#child.kill('SIGKILL'));
  }

  /** Has them come or go until they are `count`; gives how many had been left of those who were there before. */
  async become(count) {
    this.#child.stdin.write(`${count}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the visitors could not come in');
    return Number(value);
  }

  stop() {
    this.#child.kill('SIGKILL');
  }
}
