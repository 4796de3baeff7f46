/** Job lines of sidekiq. The level comes before the message up to version 7, before the pid since version 8. */
const JOB = /\bpid=(\d+) .*\bjid=(\w+).*: (start|done|fail)$/;
const TERMINATING = /\bpid=(\d+) .*: Terminating \d+ busy /;
const PUSHED_BACK = /\bpid=(\d+) .*: Pushed (\d+) jobs? back to Redis$/;

/** The jobs in a dyno's log, of sidekiq or its stand-in. Order of the lines, measured with 6.4: `start`, then `done`,
 * or `fail` and a later retry. After TERM `Terminating N busy`, then `Pushed N jobs back to Redis`, then `fail` for
 * each job that can be interrupted; other jobs log nothing more. Each start counts, so a retried job counts twice. */
export class JobLog {
  started = 0;
  done = 0;
  /** Jobs that will be retried. */
  failed = 0;
  /** Jobs returned to their queue at the shutdown timeout. */
  returned = 0;
  /** Key `PID JID`, in start order. The value is the pid. */
  readonly #busy = new Map<string, number>();
  readonly #returned = new Set<string>();
  /** Pids past their shutdown timeout. A job that fails there was interrupted. */
  readonly #terminating = new Set<number>();

  /** Adds one line, with any prefix. */
  addLine(line: string): void {
    const text = line.trimEnd();
    const [, owner, jid = '', word] = JOB.exec(text) ?? [];
    if (owner !== undefined) this.#updateJob(Number(owner), `${owner} ${jid}`, word);
    const [, pid] = TERMINATING.exec(text) ?? [];
    if (pid !== undefined) this.#terminating.add(Number(pid));
    const [, giver, count] = PUSHED_BACK.exec(text) ?? [];
    if (giver !== undefined) this.#returnJobs(Number(giver), Number(count));
  }

  /** Jobs that started but neither ended nor returned: lost if their process has exited. isAtWork excludes jobs of live
   * processes. */
  lost(isAtWork: (pid: number) => boolean = () => false): number {
    return [...this.#busy.values()].filter((pid) => !isAtWork(pid)).length;
  }

  #updateJob(pid: number, job: string, word = ''): void {
    if (word === 'start') {
      this.started++;
      this.#returned.delete(job);
      this.#busy.set(job, pid);
    } else if (this.#returned.delete(job)) return;
    else if (word === 'done') this.done += Number(this.#busy.delete(job));
    else if (!this.#terminating.has(pid)) this.failed += Number(this.#busy.delete(job));
  }

  #returnJobs(pid: number, count: number): void {
    const jobs = [...this.#busy].filter(([, owner]) => owner === pid).slice(0, count);
    for (const [job] of jobs) {
      this.#busy.delete(job);
      this.#returned.add(job);
    }
    this.returned += jobs.length;
  }
}
