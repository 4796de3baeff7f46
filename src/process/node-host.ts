import type { ChildProcess } from 'node:child_process';
import type { Words } from '../config/parsers.ts';
import type { Environment } from '../config/settings.ts';
import type { Cancel, ObservedProcess, ForwardedSignal, Host, Leftovers, Process, ProcessId } from '../host.ts';
import { raiseOomScore } from '../linux/process-memory.ts';
import { readProcess } from '../linux/processes.ts';
import type { Output } from '../output/output.ts';
import { PrefixedOutput } from '../output/prefixed-output.ts';
import type { ChildName, ChildSpec, EnvironmentChange, ReleaseStep } from '../plan/spec.ts';
import { removeIfPossible } from './child-files.ts';
import { clock } from './runtime.ts';
import { SignalSupport, whenTitleMatches } from './process-title.ts';
import { CHILD_MARKER } from './process-tracker.ts';
import type { TrackedProcess } from './process-tree.ts';
import { prepareReadiness } from './readiness.ts';
import { Reaper } from './reaper.ts';
import { runCommand } from './run-command.ts';
import type { Signals } from './signals.ts';
import { pdeathsigPrefix, spawnChild } from './spawn.ts';
import { killTree, sendSignal } from './termination.ts';

/** Every child carries this variable with the id of this run. It identifies processes that leave their session. */
export const RUN_MARKER = 'MSTDN_SUPERVISE_RUN';

/** Added to our own oom_score_adj for a process that the kernel should kill before any child; in thousandths of all memory. */
const PREFERRED_OOM_SCORE = 600;

export type NodeHostOptions = {
  env: Environment;
  folder: string;
  runId: string;
  signals: Signals;
  /** Where the children's lines go with a prefix; null lets the children write to our own stdout and stderr. */
  prefixed: { stdout: Output; stderr: Output } | null;
};

/** The host for this machine and Node. */
export class NodeHost implements Host {
  readonly clock = clock;
  readonly onSignal: Host['onSignal'];
  readonly secondInterrupt: Promise<void>;
  readonly #options: NodeHostOptions;
  readonly #pdeathsig: readonly string[];
  readonly #reaper: Reaper;
  readonly #stopWatching: Cancel;
  /** pid -> child; '' for a one-shot command. */
  readonly #running = new Map<number, ChildName>();
  readonly #pendingKills = new Set<Cancel>();
  readonly #signalSupport = new SignalSupport();
  readonly #prefixedOutput = new PrefixedOutput(clock);
  /** Remove the ready files; called when the host closes. */
  readonly #cleanUps = new Map<ChildName, () => void>();

  constructor(options: NodeHostOptions) {
    this.#options = options;
    this.onSignal = options.signals.subscribe;
    this.secondInterrupt = options.signals.secondInterrupt;
    this.#pdeathsig = pdeathsigPrefix(options.env.PATH);
    this.#reaper = new Reaper(`${RUN_MARKER}=${options.runId}`, clock);
    this.#stopWatching = this.#reaper.watch();
  }

  /** Whether the kernel sends TERM to the children when the supervisor dies. */
  get hasPdeathsig(): boolean {
    return this.#pdeathsig.length > 0;
  }

  spawn(spec: ChildSpec): ObservedProcess {
    const { folder, prefixed } = this.#options;
    if (spec.socket !== null) removeIfPossible(spec.socket);
    const readiness = prepareReadiness(spec, folder, clock);
    this.#cleanUps.set(spec.name, readiness.cleanUp);
    const output =
      prefixed === null ? 'inherit' : (child: ChildProcess) => this.#prefixedOutput.add(spec.name, child, prefixed);
    const env = this.#environment({ ...readiness.env, [CHILD_MARKER]: spec.name });
    const started = this.#track(spawnChild(this.#withPdeathsig(spec.command), { env, folder, output }), spec.name);
    const { pid } = started;
    const { oomScoreAdj } = spec.memory;
    if (pid !== null && oomScoreAdj > 0) raiseOomScore(pid, oomScoreAdj);
    const child = readiness.observe(started);
    if (pid !== null) void child.ready.then(() => this.#signalSupport.onReady(pid));
    return child;
  }

  async runCommand({ command, env }: ReleaseStep): Promise<Process> {
    const { folder } = this.#options;
    return this.#track(await runCommand(this.#withPdeathsig(command), { env: this.#environment(env), folder }), '');
  }

  scan(): void {
    this.#reaper.scan();
  }

  trackedProcesses(): TrackedProcess[] {
    return this.#reaper.scan().filter(({ child }) => child !== '');
  }

  canHandle(child: ChildName, signal: ForwardedSignal): boolean {
    const pid = this.#pidOf(child);
    return pid !== null && this.#signalSupport.canHandle(pid, signal);
  }

  whenIdle({ name, memory }: ChildSpec, onIdle: () => void): Cancel {
    const row = readProcess(this.#pidOf(name) ?? 0);
    if (row === null || memory.restart === null) return () => {};
    return whenTitleMatches(row, new RegExp(memory.restart.idleTitle), clock, onIdle);
  }

  killTree(child: ChildName): void {
    const pid = this.#pidOf(child);
    this.#reaper.killTree(child); // before the group: a daemon is found through its parent
    if (pid !== null) killGroup(pid);
  }

  reap(child: ChildName, killAtMs: number): Promise<Leftovers> {
    return this.#reaper.reap(child, killAtMs);
  }

  endProcess(target: ProcessId, killAfterMs: number | null): void {
    const isImmediate = killAfterMs !== null && killAfterMs <= 0;
    this.#signal(target, isImmediate ? ['SIGKILL'] : ['SIGTERM', 'SIGCONT']);
    if (killAfterMs === null || isImmediate) return;
    const cancel = clock.after(killAfterMs, () => {
      this.#pendingKills.delete(cancel);
      this.#signal(target, ['SIGKILL']);
    });
    this.#pendingKills.add(cancel);
  }

  preferForOomKill(target: ProcessId): void {
    if (this.#reaper.has(target)) raiseOomScore(target.pid, PREFERRED_OOM_SCORE);
  }

  killAll(): string[] {
    const pids = new Set(this.#running.keys());
    const killed = this.#reaper.killAll(pids);
    for (const pid of pids) killGroup(pid);
    return killed;
  }

  reapAll(untilMs: number): Promise<Leftovers> {
    return this.#reaper.reapAll(untilMs);
  }

  /** Releases all timers and files. timeoutMs: how long to wait for the last lines of the children. */
  async close(timeoutMs: number): Promise<void> {
    this.#stopWatching();
    for (const cancel of this.#pendingKills) cancel();
    for (const cleanUp of this.#cleanUps.values()) cleanUp();
    await this.#prefixedOutput.close(timeoutMs);
  }

  /** Signals the process only if it belongs to the dyno now: its pid may have been reused. */
  #signal(target: ProcessId, signals: readonly NodeJS.Signals[]): void {
    if (this.#reaper.has(target)) for (const signal of signals) sendSignal(target.pid, signal);
  }

  #environment(change: EnvironmentChange): NodeJS.ProcessEnv {
    const all = { ...this.#options.env, ...change, [RUN_MARKER]: this.#options.runId };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => typeof value === 'string'));
  }

  #withPdeathsig(command: Words): Words {
    const [file = command[0], ...args] = [...this.#pdeathsig, ...command];
    return [file, ...args];
  }

  #track(started: Process, child: ChildName): Process {
    const { pid } = started;
    if (pid === null) return started;
    this.#reaper.add(pid, child);
    this.#running.set(pid, child);
    void started.exited.then(() => {
      this.#running.delete(pid);
      this.#signalSupport.onExited(pid);
    });
    return started;
  }

  #pidOf(child: ChildName): number | null {
    return [...this.#running].find(([, name]) => name === child)?.[0] ?? null;
  }
}

function killGroup(leader: number): void {
  sendSignal(-leader, 'SIGKILL');
  if (process.platform !== 'linux') void killTree(leader); // the reaper finds nothing there
}
