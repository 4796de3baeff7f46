import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Process } from '../../src/host.ts';
import { spawnChild } from '../../src/process/spawn.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive, commandLine, processTable, signalIfAlive } from '../harness/processes.ts';

/** Shell: becomes `sleep 1000`, having written its pid to the file $1.pid. */
export const SLEEPER = `sh -c 'echo $$ > $0.pid; exec sleep 1000'`;

/** Processes that a script starts in a folder, by the names under which they write their pids. All end with the test. */
export class Family {
  readonly folder = tempFolder();
  readonly marker = `FAMILY=${randomUUID()}`;
  readonly #started: Process[] = [];

  constructor() {
    onTestFinished(async () => {
      await eventually(() => {
        const left = this.#everybody();
        for (const pid of left) signalIfAlive(pid, 'SIGKILL');
        if (left.length > 0) throw new Error(`still there: ${left.join(' ')}`);
      });
      await Promise.all(this.#started.map(({ exited }) => exited));
    });
  }

  /** A child that carries the marker, unless it is a stranger. */
  start(script: string, stranger = false): Process & { pid: number } {
    const [name = '', value] = this.marker.split('=');
    const env = { ...process.env, ...(stranger ? {} : { [name]: value }) };
    const child = spawnChild(['sh', '-c', script], { env, folder: this.folder, output: 'inherit' });
    this.#started.push(child);
    if (child.pid === null) throw new Error('the shell did not start');
    return { ...child, pid: child.pid };
  }

  /** The pid under that name, once it runs that command. */
  async pid(name: string, command = 'sleep 1000'): Promise<number> {
    return eventually(async () => {
      const pid = await this.pidOf(name);
      if (commandLine(pid) !== command) throw new Error(`${name} does not run ${command} yet`);
      return pid;
    });
  }

  /** The pid under that name, alive or not. */
  async pidOf(name: string): Promise<number> {
    return eventually(() => {
      const text = readFileSync(join(this.folder, `${name}.pid`), 'utf8');
      if (text === '') throw new Error(`${name} is not there yet`);
      return Number(text);
    });
  }

  /** Who has been started in the folder, or comes from there, however it has left. */
  #everybody(): number[] {
    const living = processTable().filter(({ zombie }) => !zombie);
    return living.map(({ pid }) => pid).filter((pid) => folderOf(pid) === this.folder);
  }

  has(file: string): boolean {
    return existsSync(join(this.folder, file));
  }

  async gone(pid: number): Promise<void> {
    await eventually(() => {
      if (alive(pid)) throw new Error(`${pid} is still there`);
    });
  }
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it has just gone
  }
}
