// One dyno: the shell line, or the supervisor in its place, in a session of its own.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { root } from '../quietly.js';
import { atEnd } from './ending.js';
import { MARKER, ofDyno } from './processes.js';

/** As published, after the .profile that went with it, without the `sleep 25` that only lengthens the runs. */
const SHELL_LINE = `trap '' SIGTERM
if [ "$RUN_STREAMING" != "true" ]; then BIND=0.0.0.0 puma -C config/puma.rb & fi; if [ "$RUN_WORKER" == "true" ]; then sidekiq -c \${SIDEKIQ_THREADS:-5} & fi; if [ "$RUN_STREAMING" == "true" ]; then BIND=0.0.0.0 node ./streaming & fi; wait -n; kill -SIGTERM -$$; wait`;

export const shellLine = { name: 'the shell line', command: ['bash', '-c', SHELL_LINE] };
export const supervised = {
  name: 'mstdn-supervise',
  command: [process.execPath, join(root, 'bin/mstdn-supervise.js'), 'web'],
};

const KEPT_LINES = 200;

export class Dyno {
  #marker = randomUUID();
  #known = new Map();
  /** What the supervisor said, as data, each with the time of its arrival. */
  facts = [];
  /** The last lines of them all, for a complaint. */
  lines = [];

  constructor({ command: [file, ...args] }, { folder, env }) {
    const { PATH, HOME } = process.env;
    this.child = spawn(file, args, {
      cwd: folder,
      env: { PATH, HOME, LANG: 'C.UTF-8', ...env, [MARKER]: this.#marker },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface(stream).on('line', (line) => this.#take(line));
    }
    this.ended = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }));
    atEnd(() => this.kill());
  }

  /** The pids of its living processes, the shell or supervisor included. */
  look() {
    return ofDyno(this.child.pid, this.#marker, this.#known);
  }

  /** SIGKILL for all of it, as the platform does. Returns when none is left. */
  kill() {
    for (let left = this.look(), rounds = 0; left.length > 0 && rounds < 200; left = this.look(), rounds += 1) {
      for (const pid of left) killIfAlive(pid);
    }
  }

  #take(line) {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    if (line.startsWith('{"level":')) this.facts.push({ ...JSON.parse(line), atMs: performance.now() });
  }
}

function killIfAlive(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}
