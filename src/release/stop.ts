import type { Cancel, Host, Process, ReceivedSignal, StopSignal } from '../host.ts';
import type { Log } from '../log/events.ts';
import type { StopTimes } from '../plan/spec.ts';

/** The step that runs now. */
type RunningStep = { name: string; process: Process };
/** Times are on the monotonic clock. */
export type StopState =
  { phase: 'running' } | { phase: 'stopping' | 'killing'; signal: StopSignal; killAtMs: number; exitAtMs: number };

/** The stop of a release: SIGTERM to the running step at the first stop signal; SIGKILL for everything, what the steps have left
 * behind included, at a second SIGINT or when the time is over; and an exit in time even if SIGKILL does not end it. */
export class ReleaseStop {
  readonly #times: StopTimes;
  readonly #host: Host;
  readonly #log: Log;
  readonly #cancels: Cancel[] = [];
  #step: RunningStep | null = null;
  #state: StopState = { phase: 'running' };
  /** Resolves when this process must exit, whatever is left, with the signal that it was asked to stop by. */
  readonly exitDeadline: Promise<StopSignal>;
  #onExitDeadline: (signal: StopSignal) => void = () => {};

  constructor(times: StopTimes, host: Host, log: Log) {
    this.#times = times;
    this.#host = host;
    this.#log = log;
    this.exitDeadline = new Promise((resolve) => (this.#onExitDeadline = resolve));
    this.#cancels.push(host.onSignal((signal) => this.#onSignal(signal)));
  }

  get state(): StopState {
    return this.#state;
  }

  /** The name of the step that runs now, if any. */
  get running(): string[] {
    return this.#step === null ? [] : [this.#step.name];
  }

  /** Sets the step that runs now, if any. A stop that came before it is sent to it. */
  setStep(step: RunningStep | null): void {
    this.#step = step;
    if (step !== null && this.#state.phase === 'killing') this.#host.killAll();
    else if (this.#state.phase !== 'running') this.#terminate();
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
  }

  #onSignal(signal: ReceivedSignal): void {
    switch (signal) {
      case 'SIGTERM':
      case 'SIGINT':
      case 'SIGHUP':
        if (this.#state.phase === 'running') this.#stop(signal);
        return;
      case 'second-SIGINT':
        return this.#kill();
      case 'SIGTTIN':
      case 'SIGUSR1':
      case 'SIGUSR2':
    }
  }

  #stop(signal: StopSignal): void {
    const { clock } = this.#host;
    const nowMs = clock.now();
    const { killAfterMs, exitAfterMs } = this.#times;
    this.#state = { phase: 'stopping', signal, killAtMs: nowMs + killAfterMs, exitAtMs: nowMs + exitAfterMs };
    this.#terminate();
    this.#cancels.push(
      clock.after(killAfterMs, () => this.#kill()),
      clock.after(exitAfterMs, () => this.#giveUp(signal)),
    );
    this.#log({ event: 'stopping', reason: signal, children: this.running, killAfterMs });
  }

  #terminate(): void {
    this.#step?.process.signal('SIGTERM');
    this.#step?.process.signal('SIGCONT');
  }

  #kill(): void {
    if (this.#state.phase !== 'stopping') return;
    this.#state = { ...this.#state, phase: 'killing' };
    if (this.#step === null) return void this.#host.reapAll(this.#host.clock.now());
    const killed = this.#host.killAll();
    this.#log({ event: 'killing', children: this.running });
    for (const process of killed) this.#log({ event: 'leftover', process, how: 'killed' });
  }

  #giveUp(signal: StopSignal): void {
    const children = this.#step === null ? ['a process that escaped'] : this.running;
    this.#log({ event: 'unkillable', children });
    this.#onExitDeadline(signal);
  }
}
