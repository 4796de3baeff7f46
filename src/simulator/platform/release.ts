import { newDynoState, type DynoState } from './dyno-state.ts';
import { next } from './dyno-transitions.ts';
import type { PlatformOutput } from './events.ts';
import { DynoProcess, type InstanceConfig } from './instances.ts';
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
export async function runRelease(options: ReleaseOptions): Promise<number> {
  const { command, config, rules, platformLine } = options;
  platformLine('State changed from starting to up');
  platformLine(`Starting process with command \`${command}\``);
  const { dispose, ...place } = config;
  const dyno = new DynoProcess({ ...place, command, login: false, pace: 'full', print: options.appLine });
  options.onStart(dyno);
  const timers: NodeJS.Timeout[] = [];
  const kill = (): void => void dyno.kill();
  const stop = (): void => {
    platformLine('Stopping all processes with SIGTERM');
    dyno.terminate();
    timers.push(setTimeout(kill, rules.stopMs));
  };
  timers.push(setTimeout(stop, rules.releaseMs));
  const ended = new AbortController();
  onAbort(options.stop, stop, ended.signal);
  onAbort(options.kill, kill, ended.signal);
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

/** Applies the memory limits of a dyno to a release, so that a large migration gets R14 and R15. Returns the function
 * that takes each measurement. kill: called for R15. */
export function releaseMemory(
  name: string,
  quotaBytes: number,
  rules: Rules,
  output: PlatformOutput,
  kill: () => void,
): (bytes: number) => void {
  const instance = { id: 1, phase: 'up', startedMs: Date.now(), lastR14Ms: null } as const;
  let dyno: DynoState = { ...newDynoState(name, '', quotaBytes, Date.now()), state: 'up', instances: [instance] };
  return (bytes) => {
    const [after, ...effects] = next(dyno, { type: 'measured', instance: 1, bytes }, rules, Date.now());
    dyno = after;
    for (const effect of effects) {
      if (effect.type === 'log') output.log('heroku', name, effect.text);
      else if (effect.type === 'emit') output.emit({ dyno: name, ...effect.event });
      else if (effect.type === 'kill') kill();
    }
  };
}
