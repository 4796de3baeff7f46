// The platform's side: it weighs the whole dyno, ends it at a multiple of its quota (R15), and starts a dyno that has
// ended once again at once. A second end it answers with minutes of cool-off, which no run here waits for.
import { performance } from 'node:perf_hooks';
import { Dyno } from './dyno.js';
import { Meter } from './meter.js';

export class Platform {
  #isStopping = false;
  #starts = 0;
  #make;
  /** { atMs, how }: each end of a dyno that nobody asked for. */
  ends = [];
  overQuotaMs = 0;
  /** What the supervisors of all dynos said. */
  facts = [];

  /** `killsAt` is bytes, or Infinity for a platform that only looks. `quota` is bytes. */
  constructor(what, instance, { quota = Infinity, killsAt = Infinity, samplesMs = 100 } = {}) {
    this.#make = () => new Dyno(what, instance);
    this.#start();
    this.meter = new Meter(
      samplesMs,
      () => this.dyno.look(),
      (sample) => this.#judge(sample, quota, killsAt),
    );
  }

  async stop() {
    this.#isStopping = true;
    await this.meter.stop();
    this.dyno.kill();
  }

  #start() {
    this.#starts += 1;
    const dyno = this.#make();
    this.dyno = dyno;
    dyno.facts = this.facts;
    void dyno.ended.then(({ code, signal }) => {
      if (this.#isStopping) return;
      this.ends.push({ atMs: performance.now(), how: dyno.isKilled ? 'R15' : `exit ${code ?? signal}` });
      if (this.#starts === 1) this.#start();
    });
  }

  #judge({ atMs, pss }, quota, killsAt) {
    const before = this.meter?.samples.at(-2)?.atMs ?? atMs;
    if (pss > quota) this.overQuotaMs += atMs - before;
    if (pss <= killsAt) return;
    this.dyno.isKilled = true;
    this.dyno.kill();
  }
}
