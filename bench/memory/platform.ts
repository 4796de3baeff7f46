// The platform's side: measures the memory of the whole dyno, kills it at a multiple of its quota (R15), and restarts a dyno
// that has exited at once. After a second exit a platform waits for minutes, which no run here does.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Dyno } from '../dyno/dyno.ts';
import type { DynoCommand, LogEntry } from '../dyno/dyno.ts';
import type { Instance } from '../dyno/instance.ts';
import { sampleMemory } from '../dyno/process-usage.ts';
import type { MemorySample } from '../dyno/process-usage.ts';

/** An exit of the dyno before `stop`: R15 if the platform killed it. */
export type UnexpectedExit = { atMs: number; reason: string };
/** In bytes; without `killsAt` the platform only measures. */
export type PlatformOptions = { quota?: number; killsAt?: number; sampleEveryMs?: number };

const MIN_PAUSE_MS = 5;

export class Platform {
  readonly exits: UnexpectedExit[] = [];
  readonly samples: MemorySample[] = [];
  /** What the supervisors of all its dynos logged. */
  readonly log: LogEntry[] = [];
  /** How long the dyno was over its quota (R14). */
  overQuotaMs = 0;
  dyno: Dyno;
  readonly #start: () => Dyno;
  readonly #killed = new Set<Dyno>();
  readonly #options: Required<PlatformOptions>;
  readonly #sampling: Promise<void>;
  #isStopping = false;

  constructor({ command }: DynoCommand, instance: Instance, options: PlatformOptions = {}) {
    this.#options = { quota: Infinity, killsAt: Infinity, sampleEveryMs: 100, ...options };
    this.#start = () => new Dyno(command, instance, this.log);
    this.dyno = this.#startDyno(true);
    this.#sampling = this.#keepSampling();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#sampling;
    this.dyno.kill();
  }

  #startDyno(mayRestart: boolean): Dyno {
    const dyno = this.#start();
    void dyno.ended.then(({ code, signal }) => {
      if (this.#isStopping) return;
      const reason = this.#killed.has(dyno) ? 'R15' : `exit ${code ?? signal ?? ''}`;
      this.exits.push({ atMs: performance.now(), reason });
      if (mayRestart) this.dyno = this.#startDyno(false);
    });
    return dyno;
  }

  async #keepSampling(): Promise<void> {
    while (!this.#isStopping) {
      const startedMs = performance.now();
      this.#judge(sampleMemory(this.dyno.processes.find(), startedMs));
      await pause(Math.max(MIN_PAUSE_MS, this.#options.sampleEveryMs - (performance.now() - startedMs)));
    }
  }

  #judge(sample: MemorySample): void {
    const previousMs = this.samples.at(-1)?.atMs ?? sample.atMs;
    this.samples.push(sample);
    if (sample.pss > this.#options.quota) this.overQuotaMs += sample.atMs - previousMs;
    if (sample.pss <= this.#options.killsAt) return;
    this.#killed.add(this.dyno);
    this.dyno.kill();
  }
}
