import { Dyno } from './dyno.ts';
import type { Birth } from './lives.ts';
import type { Rules } from './rules.ts';

export type ReleaseStart = {
  command: string;
  birth: Birth;
  rules: Rules;
  say: (text: string) => void;
  print: (line: string) => void;
  began: (dyno: Dyno) => void;
  /** Ends it before its time: with TERM, and at once. */
  stop: AbortSignal;
  kill: AbortSignal;
};

/** Runs the release command in a dyno of its own and gives its exit code. What takes longer than an hour is ended.
 * [F] */
export async function runRelease({ command, birth, rules, say, print, began, ...ends }: ReleaseStart): Promise<number> {
  say('State changed from starting to up');
  say(`Starting process with command \`${command}\``);
  const { over, ...place } = birth;
  const dyno = new Dyno({ ...place, command, login: false, pace: 'full', print });
  began(dyno);
  const timers: NodeJS.Timeout[] = [];
  const kill = (): void => void dyno.kill();
  const stop = (): void => {
    say('Stopping all processes with SIGTERM');
    dyno.term();
    timers.push(setTimeout(kill, rules.stopMs));
  };
  timers.push(setTimeout(stop, rules.releaseMs));
  const ended = new AbortController();
  when(ends.stop, stop, ended.signal);
  when(ends.kill, kill, ended.signal);
  const status = await dyno.exited;
  ended.abort();
  for (const timer of timers) clearTimeout(timer);
  dyno.kill();
  await dyno.silent;
  over();
  say(`Process exited with status ${status}`);
  say('State changed from up to complete');
  return status;
}

function when(signal: AbortSignal, act: () => void, until: AbortSignal): void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true, signal: until });
}
