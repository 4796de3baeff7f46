import { Dyno } from './dyno.ts';
import type { Birth } from './lives.ts';
import type { Rules } from './rules.ts';

export type ReleaseStart = {
  command: string;
  birth: Birth;
  rules: Rules;
  say: (text: string) => void;
  print: (line: string) => void;
  /** Ends it before its time. */
  abort: AbortSignal;
};

/** Runs the release command in a dyno of its own and gives its exit code. What takes longer than an hour is ended.
 * [D: Release Phase] */
export async function runRelease({ command, birth, rules, say, print, abort }: ReleaseStart): Promise<number> {
  say('State changed from starting to up');
  say(`Starting process with command \`${command}\``);
  const { over, ...place } = birth;
  const dyno = new Dyno({ ...place, command, login: false, pace: 'full', print });
  const stop = (): void => {
    say('Stopping all processes with SIGTERM');
    dyno.term();
    setTimeout(() => dyno.kill(), rules.stopMs).unref();
  };
  const late = setTimeout(stop, rules.releaseMs);
  abort.addEventListener('abort', stop, { once: true });
  const status = await dyno.exited;
  clearTimeout(late);
  abort.removeEventListener('abort', stop);
  dyno.kill();
  await dyno.silent;
  over();
  say(`Process exited with status ${status}`);
  say('State changed from up to complete');
  return status;
}
