/** What sidekiq says of a job. Up to 7 the level stands before the message, from 8 on before the pid. */
const JOB = /\bpid=(\d+) .*\bjid=(\w+).*: (start|done|fail)$/;
const GIVES_UP = /\bpid=(\d+) .*: Terminating \d+ busy /;
const GAVE_BACK = /\bpid=(\d+) .*: Pushed (\d+) jobs? back to Redis$/;

/**
 * The jobs of a dyno's log, sidekiq's or the stand-in's. In the order of the real one's lines, measured with 6.4: a job's
 * `start`, then its `done`; or `fail`, and it is tried again later. On TERM `Terminating N busy`, then `Pushed N jobs back
 * to Redis`, then `fail` for each job that lets itself be interrupted; one that does not says nothing more. Each start
 * counts, so that a job that was tried twice counts twice.
 */
export class JobsInLog {
  started = 0;
  done = 0;
  /** To be tried again. */
  failed = 0;
  /** Back in their queue when their time was up. */
  returned = 0;
  /** `PID JID`, in the order of their start. */
  readonly #inHand = new Map<string, number>();
  readonly #returned = new Set<string>();
  /** Sidekiqs that have given up waiting: what fails then has not failed by itself. */
  readonly #givingUp = new Set<number>();

  /** One line, whatever stands before it. */
  take(line: string): void {
    const text = line.trimEnd();
    const [, owner, jid = '', word] = JOB.exec(text) ?? [];
    if (owner !== undefined) this.#takeJob(Number(owner), `${owner} ${jid}`, word);
    const [, pid] = GIVES_UP.exec(text) ?? [];
    if (pid !== undefined) this.#givingUp.add(Number(pid));
    const [, giver, count] = GAVE_BACK.exec(text) ?? [];
    if (giver !== undefined) this.#giveBack(Number(giver), Number(count));
  }

  /** Begun, and neither ended nor given back: what a dyno that is gone has lost. Those of a sidekiq that still works are
   * none, where `isAtWork` knows its pid. */
  lost(isAtWork: (pid: number) => boolean = () => false): number {
    return [...this.#inHand.values()].filter((pid) => !isAtWork(pid)).length;
  }

  #takeJob(pid: number, job: string, word = ''): void {
    if (word === 'start') {
      this.started++;
      this.#returned.delete(job);
      this.#inHand.set(job, pid);
    } else if (this.#returned.delete(job)) return;
    else if (word === 'done') this.done += Number(this.#inHand.delete(job));
    else if (!this.#givingUp.has(pid)) this.failed += Number(this.#inHand.delete(job));
  }

  #giveBack(pid: number, count: number): void {
    const jobs = [...this.#inHand].filter(([, owner]) => owner === pid).slice(0, count);
    for (const [job] of jobs) {
      this.#inHand.delete(job);
      this.#returned.add(job);
    }
    this.returned += jobs.length;
  }
}
