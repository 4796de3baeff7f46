import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { alive, firstSeen, findDynoPids, signalIfAlive, type Seen } from './processes.ts';
import { eventually } from './eventually.ts';

export const binary = fileURLToPath(new URL('../../bin/mstdn-supervise.js', import.meta.url));
export type End = { code: number | null; signal: NodeJS.Signals | null };
export type DynoOptions = {
  args?: readonly string[];
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** The Node binary that runs the supervisor. */
  node?: string;
  /** Replaces the whole command `node bin/mstdn-supervise.js ...args`. */
  command?: readonly [string, ...string[]];
  stdio?: StdioOptions;
};

/** Starts the real binary as a platform does: in a session of its own, with few variables. It is killed when the test ends. */
export function startDyno(options: DynoOptions = {}): Dyno {
  const marker = randomUUID();
  const [file, ...args] = options.command ?? [options.node ?? process.execPath, binary, ...(options.args ?? ['web'])];
  // TMPDIR is removed with the test: a dyno that is killed leaves its sockets behind, and a `convert` its cache.
  const base = { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: tempFolder() };
  const child = spawn(file, args, {
    cwd: options.cwd ?? tempFolder(),
    env: { ...base, LANG: 'C.UTF-8', TEST_DYNO: marker, ...options.env },
    stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const dyno = new Dyno(child, marker);
  onTestFinished(async () => {
    await dyno.obliterate();
    expect(dyno.output, 'Node printed a warning').not.toContain(`(node:${String(child.pid)})`);
  });
  return dyno;
}

export class Dyno {
  readonly child: ChildProcess;
  readonly marker: string;
  readonly exited: Promise<End>;
  output = '';
  readonly #seen: Seen;

  constructor(child: ChildProcess, marker: string) {
    this.child = child;
    this.marker = marker;
    this.#seen = firstSeen(child.pid);
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the dyno did not start');
    return this.child.pid;
  }

  /** Resolves with the match once the output contains it; rejects with all output when the dyno exits first. */
  async waitForOutput(pattern: RegExp): Promise<RegExpExecArray> {
    let end = '';
    void this.exited.then(describeEnd, String).then((description) => (end = description));
    return eventually(() => {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (end !== '') throw new DynoExited(`exited (${end}) without output ${String(pattern)}:\n${this.output}`);
      throw new Error(`no output ${String(pattern)}:\n${this.output}`);
    });
  }

  signal(name: NodeJS.Signals): void {
    this.scan();
    process.kill(this.pid, name);
  }

  /** Signals every process of the dyno, as Heroku does. */
  signalAll(name: NodeJS.Signals): void {
    for (const pid of this.scan()) signalIfAlive(pid, name);
  }

  /** Finds the living processes of this dyno, the supervisor included, and remembers them. Returns their pids. */
  scan(): number[] {
    return findDynoPids(this.marker, this.#seen);
  }

  /** Resolves once no process of this dyno is left. */
  async gone(): Promise<void> {
    await eventually(() => {
      // Twice: during an exec the environment of a process cannot be read, and its parent may have exited.
      const left = [...this.scan(), ...this.scan()].filter(alive);
      if (left.length > 0) throw new Error(`still there: ${left.join(' ')}\n${this.output}`);
    });
  }

  /** Sends SIGKILL to every process that is left. */
  async obliterate(): Promise<void> {
    for (const pid of this.scan()) signalIfAlive(pid, 'SIGKILL');
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
    await this.gone();
  }
}

function describeEnd({ code, signal }: End): string {
  return signal ?? `code ${String(code)}`;
}

class DynoExited extends Error {
  readonly isFinal = true;
}

/** A folder that is removed with the test. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
