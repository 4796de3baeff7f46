import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { alive, justStarted, ofDyno, signalIfAlive, type Seen } from './processes.ts';
import { eventually } from './eventually.ts';

export const binary = fileURLToPath(new URL('../../bin/mstdn-supervise.js', import.meta.url));
export type End = { code: number | null; signal: NodeJS.Signals | null };
export type DynoOptions = {
  args?: readonly string[];
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** The node that runs the supervisor. */
  node?: string;
  /** Whole command instead of `node bin/mstdn-supervise.js ...args`. */
  command?: readonly [string, ...string[]];
  stdio?: StdioOptions;
};

/** The real binary, started as a platform starts it: own session, few variables. Ends with the test, whatever it does. */
export function startDyno(options: DynoOptions = {}): Dyno {
  const marker = randomUUID();
  const [file, ...args] = options.command ?? [options.node ?? process.execPath, binary, ...(options.args ?? ['web'])];
  // A dyno that is killed leaves its sockets behind, and a `convert` its cache.
  const own = { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: tempFolder() };
  const child = spawn(file, args, {
    cwd: options.cwd ?? tempFolder(),
    env: { ...own, LANG: 'C.UTF-8', TEST_DYNO: marker, ...options.env },
    stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const dyno = new Dyno(child, marker);
  onTestFinished(async () => {
    await dyno.obliterate();
    expect(dyno.output, 'a warning of its Node').not.toContain(`(node:${String(child.pid)})`);
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
    this.#seen = justStarted(child.pid);
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

  /** Resolves with the match once stdout or stderr holds it; rejects with all output when the dyno ends without. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let end = '';
    void this.exited.then(inWords, String).then((words) => (end = words));
    return eventually(() => {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (end !== '') throw new DynoEnded(`ended (${end}) without saying ${String(pattern)}:\n${this.output}`);
      throw new Error(`has not said ${String(pattern)}:\n${this.output}`);
    });
  }

  signal(name: NodeJS.Signals): void {
    this.look();
    process.kill(this.pid, name);
  }

  /** As Heroku does: every process of the dyno gets it. */
  signalAll(name: NodeJS.Signals): void {
    for (const pid of this.look()) signalIfAlive(pid, name);
  }

  /** Every living process that belongs to this dyno now, our supervisor included. */
  look(): number[] {
    return ofDyno(this.marker, this.#seen);
  }

  /** Resolves once no process of this dyno is left. */
  async gone(): Promise<void> {
    await eventually(() => {
      // Twice: of one that is being executed the environment cannot be read, and its parent may be gone.
      const left = [...this.look(), ...this.look()].filter(alive);
      if (left.length > 0) throw new Error(`still there: ${left.join(' ')}\n${this.output}`);
    });
  }

  /** The test's own clean-up: SIGKILL for whatever is left. */
  async obliterate(): Promise<void> {
    for (const pid of this.look()) signalIfAlive(pid, 'SIGKILL');
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
    await this.gone();
  }
}

function inWords({ code, signal }: End): string {
  return signal ?? `code ${String(code)}`;
}

class DynoEnded extends Error {
  readonly final = true;
}

/** A folder that goes with the test. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
