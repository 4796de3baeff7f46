import type { LogLine, View } from '../view.ts';
import type { JobCounts } from './stage.ts';

type Job = { pid: number; from: string };

/** Jobs as sidekiq's own log lines tell them, of all lives of all dynos. One that was stopped and went back to the queue says
 * `fail`, as one that failed does. */
export class JobLog {
  readonly #open = new Map<string, Job>();
  #done = 0;

  take({ source, from, text }: LogLine): void {
    if (source !== 'app') return;
    const [, pid, end] = /\bpid=(\d+) .* INFO: (start|done|fail)\s*$/.exec(text) ?? [];
    const jid = /\bjid=(\w+)/.exec(text)?.[1];
    if (pid === undefined || jid === undefined) return;
    if (end === 'start') this.#open.set(jid, { pid: Number(pid), from });
    else if (this.#open.delete(jid) && end === 'done') this.#done += 1;
  }

  /** Lost is what has begun in a process that lives no more. */
  counts({ dynos }: View): JobCounts {
    const living = new Set(
      dynos.flatMap(({ runs }) => runs.flatMap(({ processes }) => processes.map(({ pid }) => pid))),
    );
    const open = [...this.#open.values()];
    const inHand = open.filter(({ pid }) => living.has(pid)).length;
    return { done: this.#done, lost: open.length - inHand, inHand };
  }
}
