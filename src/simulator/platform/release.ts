import { DynoProcess } from './dyno-process.ts';
import { newDynoState, type DynoState } from './dyno-state.ts';
import { next } from './dyno-transitions.ts';
import type { PlatformOutput } from './events.ts';
import type { InstanceConfig } from './instances.ts';
import type { Rules } from './rules.ts';

export type ReleaseOptions = {
  command: string;
  config: InstanceConfig;
  rules: Rules;
  platformLine: (text: string) => void;
  appLine: (line: string) => void;
  onStart: (dyno: DynoProcess) => void;
  /** Stop the release early: with TERM, with SIGKILL. */
  stop: AbortSignal;
  kill: AbortSignal;
};

/** Runs the release command in its own dyno and resolves with its exit code. Stops it after an hour. [F] */
export async function runRelease({
  command,
  config,
  rules,
  platformLine,
  appLine,
  onStart,
  ...ends
}: ReleaseOptions): Promise<number> {
  platformLine('State changed from starting to up');
  platformLine(`Starting process with command \`${command}\``);
  const { dispose, ...place } = config;
  const dyno = new DynoProcess({ ...place, command, login: false, pace: 'full', print: appLine });
  onStart(dyno);
  const timers: NodeJS.Timeout[] = [];
  const kill = (): void => void dyno.kill();
  const stop = (): void => {
    platformLine('Stopping all processes with SIGTERM');
    dyno.terminate();
    timers.push(setTimeout(kill, rules.stopMs));
  };
  timers.push(setTimeout(stop, rules.releaseMs));
  const ended = new AbortController();
  onAbort(ends.stop, stop, ended.signal);
  onAbort(ends.kill, kill, ended.signal);
  const status = await dyno.exited;
  ended.abort();
  for (const timer of timers) clearTimeout(timer);
  dyno.kill();
  await dyno.outputClosed;
  dispose();
  platformLine(`Process exited with status ${status}`);
  platformLine('State changed from up to complete');
  return status;
}

function onAbort(signal: AbortSignal, act: () => void, until: AbortSignal): void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true, signal: until });
}

/** Applies the memory limits of a dyno to a release, so that a large migration gets R14 and R15. */
export class ReleaseMemory {
  readonly #rules: Rules;
  readonly #output: PlatformOutput;
  #state: DynoState;

  constructor(name: string, quotaBytes: number, rules: Rules, output: PlatformOutput) {
    this.#rules = rules;
    this.#output = output;
    const instance = { id: 1, phase: 'up', startedMs: Date.now(), lastR14Ms: null } as const;
    this.#state = { ...newDynoState(name, '', quotaBytes, Date.now()), state: 'up', instances: [instance] };
  }

  /** kill: called for R15. */
  measure(bytes: number, kill: () => void): void {
    const [dyno, ...effects] = next(this.#state, { type: 'measured', instance: 1, bytes }, this.#rules, Date.now());
    this.#state = dyno;
    const { name } = dyno;
    for (const effect of effects) {
      if (effect.type === 'log') this.#output.log('heroku', name, effect.text);
      else if (effect.type === 'emit') this.#output.emit({ dyno: name, ...effect.event });
      else if (effect.type === 'kill') kill();
    }
  }
}
