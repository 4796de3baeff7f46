import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Words } from '../plan/parsers.ts';
import type { Environment } from '../plan/settings.ts';
import type { ChildSpec, EnvironmentChange, Step } from '../plan/spec.ts';
import { spawnChild } from './child.ts';
import { clock } from './clock.ts';
import type { Cancel, Child, Host, Leftovers, Process } from './host.ts';
import { killTree } from './kill-tree.ts';
import { startOneShot } from './one-shot.ts';
import type { Output } from './output.ts';
import { parentDeathPrefix } from './parent-death.ts';
import { copyWithPrefix } from './prefix.ts';
import { prepareWatch } from './readiness.ts';
import type { Signals } from './signals.ts';
import { Sweeper } from './sweep.ts';

/** Every child carries this variable with the id of our run: what escapes is known by it. */
export const MARKER = 'MSTDN_SUPERVISE_RUN';

export type NodeHostOptions = {
  env: Environment;
  folder: string;
  runId: string;
  signals: Signals;
  /** Where the children's lines go with a prefix; null hands them our own stdout and stderr. */
  prefixed: { stdout: Output; stderr: Output } | null;
};

/** The machine that we run on. */
export class NodeHost implements Host {
  readonly clock = clock;
  readonly onSignal: Host['onSignal'];
  readonly #options: NodeHostOptions;
  readonly #guard: readonly string[];
  readonly #sweeper: Sweeper;
  readonly #stopWatching: Cancel;
  readonly #living = new Set<number>();
  readonly #copies = new Map<Readable, Promise<void>>();

  constructor(options: NodeHostOptions) {
    this.#options = options;
    this.onSignal = options.signals.each;
    this.#guard = parentDeathPrefix(options.env.PATH);
    this.#sweeper = new Sweeper(`${MARKER}=${options.runId}`, clock);
    this.#stopWatching = this.#sweeper.watch();
  }

  /** Whether the kernel TERMs the children when we die. */
  get guarded(): boolean {
    return this.#guard.length > 0;
  }

  spawn(spec: ChildSpec): Child {
    const { folder, prefixed } = this.#options;
    const watch = prepareWatch(spec, folder, clock);
    const output = prefixed === null ? 'inherit' : (child: ChildProcess) => this.#copyLines(spec.name, child, prefixed);
    const env = this.#environment(watch.env);
    return watch.of(this.#keep(spawnChild(this.#guarded(spec.command), { env, folder, output })));
  }

  async run({ command, env }: Step): Promise<Process> {
    const { folder } = this.#options;
    return this.#keep(await startOneShot(this.#guarded(command), { env: this.#environment(env), folder }));
  }

  look(): void {
    this.#sweeper.glance();
  }

  whenIdle(): Cancel {
    return () => {};
  }

  killTree(): void {}

  end(): void {}

  sacrifice(): void {}

  killAll(): string[] {
    const killed = this.#sweeper.kill(this.#living);
    for (const pid of this.#living) killGroup(pid);
    if (process.platform !== 'linux') for (const pid of this.#living) void killTree(pid);
    return killed;
  }

  sweep(untilMs: number): Promise<Leftovers> {
    return this.#sweeper.end(untilMs);
  }

  /** Lets go of everything; the last lines of the children get this long. */
  async close(atMostMs: number): Promise<void> {
    this.#stopWatching();
    let cancel: Cancel = () => {};
    const timeOver = new Promise<void>((resolve) => (cancel = clock.after(atMostMs, resolve)));
    await Promise.race([Promise.all(this.#copies.values()), timeOver]);
    cancel();
    for (const stream of this.#copies.keys()) stream.destroy();
  }

  #copyLines(name: string, { stdout, stderr }: ChildProcess, to: { stdout: Output; stderr: Output }): void {
    if (stdout) this.#copies.set(stdout, copyWithPrefix(stdout, name, to.stdout));
    if (stderr) this.#copies.set(stderr, copyWithPrefix(stderr, name, to.stderr));
  }

  #environment(change: EnvironmentChange): NodeJS.ProcessEnv {
    const all = { ...this.#options.env, ...change, [MARKER]: this.#options.runId };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => typeof value === 'string'));
  }

  #guarded(command: Words): Words {
    const [file = command[0], ...args] = [...this.#guard, ...command];
    return [file, ...args];
  }

  #keep(started: Process): Process {
    const { pid } = started;
    if (pid === null) return started;
    this.#sweeper.add(pid);
    this.#living.add(pid);
    void started.exited.then(() => this.#living.delete(pid));
    return started;
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // it ended this moment
  }
}
