import type { ChildProcess } from 'node:child_process';
import type { Words } from '../plan/parsers.ts';
import type { Environment } from '../plan/settings.ts';
import type { ChildName, ChildSpec, EnvironmentChange, Step } from '../plan/spec.ts';
import { spawnChild } from './child.ts';
import { clock } from './clock.ts';
import { Copies } from './copies.ts';
import { send } from './ending.ts';
import { CHILD_MARKER } from './families.ts';
import type { Member } from './family-tree.ts';
import { Hearing } from './hearing.ts';
import type { Cancel, Child, HandedOnSignal, Host, Leftovers, Process, ProcessId } from './host.ts';
import { whenTitled } from './idle.ts';
import { killTree } from './kill-tree.ts';
import { raiseOomScore } from './oom-score.ts';
import { startOneShot } from './one-shot.ts';
import type { Output } from './output.ts';
import { parentDeathPrefix } from './parent-death.ts';
import { readProcess } from './processes.ts';
import { prepareWatch } from './readiness.ts';
import { removeSocket } from './remove-socket.ts';
import type { Signals } from './signals.ts';
import { Sweeper } from './sweep.ts';

/** Every child carries this variable with the id of our run: what escapes is known by it. */
export const MARKER = 'MSTDN_SUPERVISE_RUN';

/** Added to our own oom_score_adj for a process that is to go before any child; thousandths of all memory. */
const SACRIFICED = 600;

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
  /** Resolves with the second SIGINT, copies of the first not counted. */
  readonly secondInterrupt: Promise<void>;
  readonly #options: NodeHostOptions;
  readonly #guard: readonly string[];
  readonly #sweeper: Sweeper;
  readonly #stopWatching: Cancel;
  /** pid -> the child that it is; '' for a one-shot command. */
  readonly #living = new Map<number, ChildName>();
  /** Kills that are still to come. */
  readonly #kills = new Set<Cancel>();
  readonly #hearing = new Hearing();
  readonly #copies = new Copies(clock);
  /** What was made to see when each child is ready goes at the end, too. */
  readonly #clears = new Map<ChildName, () => void>();

  constructor(options: NodeHostOptions) {
    this.#options = options;
    this.onSignal = options.signals.each;
    this.secondInterrupt = options.signals.secondInterrupt;
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
    if (spec.socket !== null) removeSocket(spec.socket);
    const watch = prepareWatch(spec, folder, clock);
    this.#clears.set(spec.name, watch.clear);
    const output =
      prefixed === null ? 'inherit' : (child: ChildProcess) => this.#copies.add(spec.name, child, prefixed);
    const env = this.#environment({ ...watch.env, [CHILD_MARKER]: spec.name });
    const started = this.#keep(spawnChild(this.#guarded(spec.command), { env, folder, output }), spec.name);
    const { pid } = started;
    const { oomScoreAdj } = spec.memory;
    if (pid !== null && oomScoreAdj > 0) raiseOomScore(pid, oomScoreAdj);
    const child = watch.of(started);
    if (pid !== null) void child.ready.then(() => this.#hearing.up(pid));
    return child;
  }

  async run({ command, env }: Step): Promise<Process> {
    const { folder } = this.#options;
    return this.#keep(await startOneShot(this.#guarded(command), { env: this.#environment(env), folder }), '');
  }

  look(): void {
    this.#sweeper.glance();
  }

  /** The processes of the children that live now, found by a walk through their trees. */
  family(): Member[] {
    return this.#sweeper.glance().filter(({ child }) => child !== '');
  }

  hears(child: ChildName, signal: HandedOnSignal): boolean {
    const pid = this.#pidOf(child);
    return pid !== null && this.#hearing.hears(pid, signal);
  }

  whenIdle({ name, memory }: ChildSpec, idle: () => void): Cancel {
    const row = readProcess(this.#pidOf(name) ?? 0);
    if (row === null || memory.recycle === null) return () => {};
    return whenTitled(row, new RegExp(memory.recycle.idleTitle), clock, idle);
  }

  killTree(child: ChildName): void {
    const pid = this.#pidOf(child);
    this.#sweeper.killTree(child); // first, while parents tell whose child a daemon is
    if (pid === null) return;
    killGroup(pid);
    if (process.platform !== 'linux') void killTree(pid);
  }

  clearTree(child: ChildName, killAtMs: number): Promise<Leftovers> {
    return this.#sweeper.clear(child, killAtMs);
  }

  end(target: ProcessId, killAfterMs: number | null): void {
    const atOnce = killAfterMs !== null && killAfterMs <= 0;
    this.#signal(target, atOnce ? ['SIGKILL'] : ['SIGTERM', 'SIGCONT']);
    if (killAfterMs === null || atOnce) return;
    const cancel = clock.after(killAfterMs, () => {
      this.#kills.delete(cancel);
      this.#signal(target, ['SIGKILL']);
    });
    this.#kills.add(cancel);
  }

  sacrifice(target: ProcessId): void {
    if (this.#sweeper.has(target)) raiseOomScore(target.pid, SACRIFICED);
  }

  killAll(): string[] {
    const pids = new Set(this.#living.keys());
    const killed = this.#sweeper.kill(pids);
    for (const pid of pids) killGroup(pid);
    if (process.platform !== 'linux') for (const pid of pids) void killTree(pid);
    return killed;
  }

  sweep(untilMs: number): Promise<Leftovers> {
    return this.#sweeper.end(untilMs);
  }

  /** Lets go of everything; the last lines of the children get this long. */
  async close(atMostMs: number): Promise<void> {
    this.#stopWatching();
    for (const cancel of this.#kills) cancel();
    for (const clear of this.#clears.values()) clear();
    await this.#copies.close(atMostMs);
  }

  /** Nobody is signalled who is not ours at this moment, whatever the pid and the name. */
  #signal(target: ProcessId, signals: readonly NodeJS.Signals[]): void {
    if (this.#sweeper.has(target)) for (const signal of signals) send(target.pid, signal);
  }

  #environment(change: EnvironmentChange): NodeJS.ProcessEnv {
    const all = { ...this.#options.env, ...change, [MARKER]: this.#options.runId };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => typeof value === 'string'));
  }

  #guarded(command: Words): Words {
    const [file = command[0], ...args] = [...this.#guard, ...command];
    return [file, ...args];
  }

  #keep(started: Process, child: ChildName): Process {
    const { pid } = started;
    if (pid === null) return started;
    this.#sweeper.add(pid, child);
    this.#living.set(pid, child);
    void started.exited.then(() => {
      this.#living.delete(pid);
      this.#hearing.gone(pid);
    });
    return started;
  }

  #pidOf(child: ChildName): number | null {
    return [...this.#living].find(([, name]) => name === child)?.[0] ?? null;
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // it ended this moment
  }
}
