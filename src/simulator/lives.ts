import { Dyno, type DynoStart } from './dyno.ts';
import { weighTree } from './process-tree.ts';
import type { LogPace, ProcessView } from './view.ts';

/** Names one life among all: `web.1` and the number of the life. */
export type LifeId = { dyno: string; life: number };

/** What a life has beside its command: a port, and on the stand-ins a slug, of its own. */
export type Birth = Pick<DynoStart, 'folder' | 'scratch' | 'env' | 'prefix'> & {
  port: number | null;
  over: () => void;
};

export type LifeEvents = {
  print: (line: string) => void;
  bound: () => void;
  /** left: how many processes outlived the first one, and were killed. */
  exited: (status: number, left: number) => void;
};

type Live = LifeId & { process: Dyno; port: number | null; tree: readonly ProcessView[] };

/** The lives whose processes there are. */
export class Lives {
  readonly #live = new Map<string, Live>();
  #pace: LogPace;

  constructor(pace: LogPace) {
    this.#pace = pace;
  }

  /** Resolves when it is over: its processes ended, all that they printed read. */
  async begin(id: LifeId, command: string, birth: Birth, events: LifeEvents): Promise<void> {
    const { port, over, ...place } = birth;
    const process = begun({ ...place, command, pace: this.#pace, print: events.print }, over);
    const live: Live = { ...id, process, port, tree: [] };
    this.#live.set(key(id), live);
    if (port !== null) process.whenBound(port, events.bound);
    const status = await process.exited;
    const left = process.kill() + (await process.silent);
    this.#live.delete(key(id));
    over();
    events.exited(status, left);
  }

  /** TERM for all processes of it. */
  term(id: LifeId): void {
    this.#live.get(key(id))?.process.term();
  }

  kill(id: LifeId): void {
    this.#live.get(key(id))?.process.kill();
  }

  killAll(): void {
    for (const { process } of this.#live.values()) process.kill();
  }

  pace(pace: LogPace): void {
    this.#pace = pace;
    for (const { process } of this.#live.values()) process.pace(pace);
  }

  /** Looks at all of their processes anew; gives what each life holds, where this machine tells it. */
  weigh(): (LifeId & { bytes: number })[] {
    return [...this.#live.values()].flatMap((live) => {
      live.tree = live.process.look();
      const bytes = weighTree(live.tree);
      return bytes === null ? [] : [{ dyno: live.dyno, life: live.life, bytes }];
    });
  }

  /** null before its first process and after its last. */
  view(id: LifeId): { port: number | null; bytes: number | null; processes: readonly ProcessView[] } | null {
    const live = this.#live.get(key(id));
    return live === undefined ? null : { port: live.port, bytes: weighTree(live.tree), processes: live.tree };
  }

  /** The dyno in which this process lives now; null where it is none of ours. */
  ownerOf(pid: number): string | null {
    return [...this.#live.values()].find(({ process }) => process.has(pid))?.dyno ?? null;
  }
}

function begun(start: DynoStart, over: () => void): Dyno {
  try {
    return new Dyno(start);
  } catch (error) {
    over();
    throw error;
  }
}

function key({ dyno, life }: LifeId): string {
  return `${dyno} ${life}`;
}
