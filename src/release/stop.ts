import type { Tell } from '../facts.ts';
import type { Cancel, HandedOnSignal, Host, Process, StopSignal } from '../host/host.ts';
import type { StopTimes } from '../plan/spec.ts';

type Running = { name: string; started: Process };
export type Heard =
  { phase: 'running' } | { phase: 'stopping' | 'killing'; signal: StopSignal; killAtMs: number; leaveAtMs: number };

/** What the release has heard, and what is done about it: TERM to the step at work at the first stop signal, KILL for
 * everything at a second SIGINT or when the budget ends, what the steps have left behind included. */
export class Stop {
  readonly #times: StopTimes;
  readonly #host: Host;
  readonly #tell: Tell;
  readonly #cancels: Cancel[] = [];
  #interrupts = 0;
  #running: Running | null = null;
  #heard: Heard = { phase: 'running' };

  constructor(times: StopTimes, host: Host, tell: Tell) {
    this.#times = times;
    this.#host = host;
    this.#tell = tell;
    this.#cancels.push(host.onSignal((signal) => this.#hear(signal)));
  }

  heard(): Heard {
    return this.#heard;
  }

  /** The step at work, if any; it hears of a stop that came before it. */
  handTo(running: Running | null): void {
    this.#running = running;
    if (running !== null && this.#heard.phase === 'killing') this.#host.killAll();
    else if (this.#heard.phase !== 'running') this.#term();
  }

  cancel(): void {
    for (const cancel of this.#cancels) cancel();
  }

  #hear(signal: StopSignal | HandedOnSignal): void {
    if (signal === 'SIGTTIN' || signal === 'SIGUSR1' || signal === 'SIGUSR2') return;
    if (signal === 'SIGINT') this.#interrupts += 1;
    if (this.#heard.phase === 'running') this.#stop(signal);
    else if (this.#interrupts === 2) this.#kill();
  }

  #stop(signal: StopSignal): void {
    const nowMs = this.#host.clock.now();
    const { killAfterMs, leaveAfterMs } = this.#times;
    this.#heard = { phase: 'stopping', signal, killAtMs: nowMs + killAfterMs, leaveAtMs: nowMs + leaveAfterMs };
    this.#term();
    this.#cancels.push(this.#host.clock.after(killAfterMs, () => this.#kill()));
    this.#tell({ fact: 'stopping', because: signal, children: this.#names(), atMostMs: killAfterMs });
  }

  #term(): void {
    this.#running?.started.signal('SIGTERM');
    this.#running?.started.signal('SIGCONT');
  }

  #kill(): void {
    if (this.#heard.phase !== 'stopping') return;
    this.#heard = { ...this.#heard, phase: 'killing' };
    if (this.#running === null) return void this.#host.sweep(this.#host.clock.now());
    const killed = this.#host.killAll();
    this.#tell({ fact: 'killing', children: this.#names() });
    for (const process of killed) this.#tell({ fact: 'leftover', process, how: 'killed' });
  }

  #names(): string[] {
    return this.#running === null ? [] : [this.#running.name];
  }
}
