import type { LogPace } from '../action.ts';
import type { ProcessView } from '../simulation.ts';
import { DynoProcess, type DynoProcessOptions } from './dyno-process.ts';
import { treeBytes } from './process-tree.ts';

/** Identifies an instance: `web.1` and its number. */
type InstanceId = { dyno: string; instance: number };

/** The environment of an instance: its folder, variables, port and command prefix. */
export type InstanceConfig = Pick<DynoProcessOptions, 'folder' | 'scratch' | 'env' | 'prefix'> & {
  port: number | null;
  dispose: () => void;
};

type InstanceEvents = {
  print: (line: string) => void;
  portOpened: () => void;
  /** orphans: processes that outlived the first one and were killed. */
  exited: (status: number, orphans: number) => void;
};

type RunningInstance = InstanceId & { process: DynoProcess; port: number | null; tree: readonly ProcessView[] };

/** The instances that have processes. */
export class Instances {
  readonly #running = new Map<string, RunningInstance>();
  #pace: LogPace;

  constructor(pace: LogPace) {
    this.#pace = pace;
  }

  /** Resolves when the instance has ended: all processes exited, all output read. */
  async start(id: InstanceId, command: string, config: InstanceConfig, events: InstanceEvents): Promise<void> {
    const { port, dispose, ...place } = config;
    const process = spawned({ ...place, command, pace: this.#pace, print: events.print }, dispose);
    const instance: RunningInstance = { ...id, process, port, tree: [] };
    this.#running.set(key(id), instance);
    if (port !== null) process.onPortOpen(port, events.portOpened);
    const status = await process.exited;
    const orphans = process.kill() + (await process.outputClosed);
    this.#running.delete(key(id));
    dispose();
    events.exited(status, orphans);
  }

  /** Sends TERM to all processes of the instance. */
  terminate(id: InstanceId): void {
    this.#running.get(key(id))?.process.terminate();
  }

  kill(id: InstanceId): void {
    this.#running.get(key(id))?.process.kill();
  }

  killAll(): void {
    for (const { process } of this.#running.values()) process.kill();
  }

  setLogPace(pace: LogPace): void {
    this.#pace = pace;
    for (const { process } of this.#running.values()) process.setLogPace(pace);
  }

  /** Measures all instances again. Omits those whose memory is unknown. */
  measure(): (InstanceId & { bytes: number })[] {
    return [...this.#running.values()].flatMap((instance) => {
      instance.tree = instance.process.readProcesses();
      const bytes = treeBytes(instance.tree);
      return bytes === null ? [] : [{ dyno: instance.dyno, instance: instance.instance, bytes }];
    });
  }

  /** null before the first process starts and after the last has exited. */
  view(id: InstanceId): { port: number | null; bytes: number | null; processes: readonly ProcessView[] } | null {
    const instance = this.#running.get(key(id));
    return instance === undefined
      ? null
      : { port: instance.port, bytes: treeBytes(instance.tree), processes: instance.tree };
  }

  /** The dyno that this process belongs to, or null. */
  ownerOf(pid: number): string | null {
    return [...this.#running.values()].find(({ process }) => process.has(pid))?.dyno ?? null;
  }
}

function spawned(start: DynoProcessOptions, dispose: () => void): DynoProcess {
  try {
    return new DynoProcess(start);
  } catch (error) {
    dispose();
    throw error;
  }
}

function key({ dyno, instance }: InstanceId): string {
  return `${dyno} ${instance}`;
}
