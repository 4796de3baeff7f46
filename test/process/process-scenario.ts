import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Process } from '../../src/host.ts';
import { spawnChild } from '../../src/process/spawn.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive, commandLine, processTable, signalIfAlive } from '../harness/processes.ts';

/** Shell, followed by a name: writes its pid to the file NAME.pid and becomes `sleep 1000`. */
export const SLEEPER = `sh -c 'echo $$ > $0.pid; exec sleep 1000'`;

/** Processes that a script starts in a folder. Each writes its pid to a file of its name. All are killed when the test ends. */
export class ProcessScenario {
  readonly folder = tempFolder();
  readonly marker = `SCENARIO=${randomUUID()}`;
  readonly #started: Process[] = [];

  constructor() {
    onTestFinished(async () => {
      await eventually(() => {
        const left = this.#livingPids();
        for (const pid of left) signalIfAlive(pid, 'SIGKILL');
        if (left.length > 0) throw new Error(`still there: ${left.join(' ')}`);
      });
      await Promise.all(this.#started.map(({ exited }) => exited));
    });
  }

  /** Starts a child with the marker, or without it if `isUnrelated`. */
  start(script: string, isUnrelated = false): Process & { pid: number } {
    const [name = '', value] = this.marker.split('=');
    const env = { ...process.env, ...(isUnrelated ? {} : { [name]: value }) };
    const child = spawnChild(['sh', '-c', script], { env, folder: this.folder, output: 'inherit' });
    this.#started.push(child);
    if (child.pid === null) throw new Error('the shell did not start');
    return { ...child, pid: child.pid };
  }

  /** The pid of that name, once the process runs that command. */
  async pid(name: string, command = 'sleep 1000'): Promise<number> {
    return eventually(async () => {
      const pid = await this.pidOf(name);
      if (commandLine(pid) !== command) throw new Error(`${name} does not run ${command} yet`);
      return pid;
    });
  }

  /** The pid of that name, whether the process lives or not. */
  async pidOf(name: string): Promise<number> {
    return eventually(() => {
      const text = readFileSync(join(this.folder, `${name}.pid`), 'utf8');
      if (text === '') throw new Error(`${name} has not written its pid yet`);
      return Number(text);
    });
  }

  /** Living processes with this working folder: all that were started here, even if they left their session. */
  #livingPids(): number[] {
    const living = processTable().filter(({ zombie }) => !zombie);
    return living.map(({ pid }) => pid).filter((pid) => folderOf(pid) === this.folder);
  }

  has(file: string): boolean {
    return existsSync(join(this.folder, file));
  }

  async gone(pid: number): Promise<void> {
    await eventually(() => {
      if (alive(pid)) throw new Error(`${pid} is still alive`);
    });
  }
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it has just exited
  }
}
