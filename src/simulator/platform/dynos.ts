import type { LogPace } from '../action.ts';
import { EXIT } from '../../exit-status.ts';
import type { Clock } from '../../host.ts';
import type { DynoView, RunView } from '../simulation.ts';
import type { DynoSpec } from './app-files.ts';
import { isCurrent, newDynoState, type DynoState, type DynoEffect, type DynoEvent } from './dyno-state.ts';
import { next } from './dyno-transitions.ts';
import { type PlatformOutput, Timers } from './events.ts';
import { type InstanceConfig, Instances } from './instances.ts';
import { treeBytes } from './process-tree.ts';
import type { Rules } from './rules.ts';

type DynosContext = {
  clock: Clock;
  rules: Rules;
  /** Prepares a new instance with the app's latest settings. */
  createInstance: (name: string, quotaBytes: number) => Promise<InstanceConfig>;
  output: PlatformOutput;
  onChange: () => void;
};

/** 128 + SIGTERM, as a shell reports it. */
const TERMINATED_BY_TERM = 143;

/** The dynos of the formation: passes events to `next` and performs the effects. */
export class Dynos {
  readonly instances: Instances;
  readonly #context: DynosContext;
  readonly #states = new Map<string, DynoState>();
  readonly #timers: Timers;
  readonly #running = new Set<Promise<void>>();
  #names: ReadonlySet<string> = new Set();

  constructor(context: DynosContext, pace: LogPace) {
    this.#context = context;
    this.#timers = new Timers(context.clock);
    this.instances = new Instances(pace);
  }

  get states(): readonly DynoState[] {
    return [...this.#states.values()];
  }

  /** Sets the formation. Dynos that are no longer in it stop and are removed, new ones start, the rest restart. */
  deploy(specs: readonly DynoSpec[]): void {
    this.#names = new Set(specs.map(({ name }) => name));
    for (const name of this.#states.keys()) if (!this.#names.has(name)) this.send(name, { type: 'stop' });
    for (const { name, command, quotaBytes } of specs) {
      if (!this.#states.has(name)) this.#states.set(name, newDynoState(name, command, quotaBytes, Date.now()));
      this.send(name, { type: 'configured', command, quotaBytes });
      this.send(name, this.canRestart(name) ? { type: 'restart', reason: 'deploy' } : { type: 'start' });
    }
  }

  /** false for a dyno that is down or stopping. */
  canRestart(name: string): boolean {
    const state = this.#states.get(name)?.state ?? 'down';
    return state !== 'down' && state !== 'stopping';
  }

  resize(quotaBytes: number): void {
    for (const { name, command } of this.states) {
      this.send(name, { type: 'configured', command, quotaBytes });
      this.send(name, { type: 'restart', reason: 'resized' });
    }
  }

  send(name: string, event: DynoEvent): void {
    const dyno = this.#states.get(name);
    if (dyno === undefined) return;
    const [after, ...effects] = next(dyno, event, this.#context.rules, Date.now());
    this.#states.set(name, after);
    if (event.type === 'exited') this.#timers.cancel(timerKey(name, event.instance));
    if (after.state === 'down' && !this.#names.has(name)) this.#remove(name);
    for (const effect of effects) this.#perform(name, effect);
    if (after !== dyno) this.#context.onChange();
  }

  /** Resolves when no instance is left. */
  async stop(): Promise<void> {
    for (const name of this.#states.keys()) this.send(name, { type: 'stop' });
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#timers.cancel();
  }

  /** Sends SIGKILL to all processes. */
  async kill(): Promise<void> {
    const stopped = this.stop();
    for (const { process } of this.instances.all) process.kill();
    await stopped;
  }

  measure(): void {
    const { all } = this.instances;
    for (const instance of all) instance.processes = instance.process.readProcesses();
    for (const instance of all) {
      const bytes = treeBytes(instance.processes);
      if (bytes !== null) this.send(instance.dyno, { type: 'measured', instance: instance.id, bytes });
    }
  }

  /** The port of the serving instance, or null. */
  portOf({ name, instances }: DynoState): number | null {
    const up = instances.find(({ phase }) => phase === 'up');
    return up === undefined ? null : (this.instances.get(name, up.id)?.port ?? null);
  }

  views(): DynoView[] {
    return this.states.map((dyno) => {
      const { name, state, sinceMs, crashes, restartsAtMs, quotaBytes } = dyno;
      const runs = dyno.instances.map((instance): RunView => {
        const { id, startedMs } = instance;
        const phase = instance.phase === 'killed' || instance.phase === 'overdue' ? 'stopping' : instance.phase;
        const { port = null, processes = [] } = this.instances.get(name, id) ?? {};
        const bytes = treeBytes(processes);
        return { id, phase, startedAtMs: startedMs, port, bytes, processes };
      });
      return { name, state, sinceMs, crashes, restartsAtMs, quotaBytes, runs };
    });
  }

  #remove(name: string): void {
    this.#states.delete(name);
    this.#timers.cancel(`${name} `);
  }

  #perform(name: string, effect: DynoEffect): void {
    switch (effect.type) {
      case 'log':
        return this.#context.output.log('heroku', name, effect.text);
      case 'emit':
        return this.#context.output.emit({ dyno: name, ...effect.event });
      case 'schedule':
        return this.#schedule(name, effect.event, effect.afterMs);
      case 'terminate':
        return this.instances.get(name, effect.instance)?.process.terminate();
      case 'kill':
        return void this.instances.get(name, effect.instance)?.process.kill();
      case 'start': {
        const run = this.#runInstance(name, effect.instance, effect.command);
        this.#running.add(run);
        return void run.finally(() => this.#running.delete(run));
      }
    }
  }

  /** An instance that was stopped before it started does not start. A failure to start counts as an exit. */
  async #runInstance(name: string, instance: number, command: string): Promise<void> {
    const exited = (status: number, orphans: number): void =>
      this.send(name, { type: 'exited', instance, status, orphans });
    const print = (line: string): void => this.#context.output.log('app', name, line);
    const portOpened = (): void => this.send(name, { type: 'port-opened', instance });
    try {
      const config = await this.#context.createInstance(name, this.#states.get(name)?.quotaBytes ?? 0);
      const isStillWanted =
        this.#states.get(name)?.instances.some((item) => item.id === instance && isCurrent(item)) ?? false;
      if (isStillWanted)
        return await this.instances.start(name, instance, command, config, { exited, portOpened, print });
      config.dispose();
      exited(TERMINATED_BY_TERM, 0);
    } catch (error) {
      print(`cannot start: ${(error as Error).message}`);
      exited(EXIT.notExecutable, 0);
    }
  }

  /** Each instance gets a random share of the spread, so that not all cycle at once. */
  #schedule(name: string, event: DynoEvent, afterMs: number): void {
    const extraMs = event.type === 'cycle-due' ? Math.random() * this.#context.rules.cycleSpreadMs : 0;
    const instance = 'instance' in event ? event.instance : 0;
    this.#timers.after(afterMs + extraMs, timerKey(name, instance), () => this.send(name, event));
  }
}

/** Ends with a space, so that `web.1 1` does not match `web.1 10`. */
function timerKey(name: string, instance: number): string {
  return `${name} ${instance} `;
}
