import type { FloodTarget } from '../action.ts';
import type { LogPace, View } from '../view.ts';

/** Where the keys stand: at rest, or at a question. What a question shows is kept, so that an answer means just that. */
export type KeyState =
  | { at: 'rest' }
  | { at: 'restart'; dynos: readonly string[] }
  | { at: 'crash'; targets: readonly Target[] }
  | { at: 'signal'; target: Target }
  | { at: 'flood' }
  | { at: 'flood-amount'; where: FloodTarget; usualBytes: number; text: string; isWrong: boolean }
  | { at: 'quota'; nowBytes: number | null; text: string; isWrong: boolean }
  | { at: 'log-reader'; now: LogPace }
  | { at: 'quitting' };

/** A process of a certain life of a dyno. */
export type Target = { dyno: string; run: number; isDraining: boolean; pid: number; label: string };

export const AT_REST: KeyState = { at: 'rest' };

export function targetsOf(view: View): Target[] {
  return view.dynos.flatMap(({ name, runs }) =>
    runs.flatMap(({ id, phase, processes }) =>
      processes.map(({ pid, label }) => ({ dyno: name, run: id, isDraining: phase === 'stopping', pid, label })),
    ),
  );
}

const MIB = 2 ** 20;
const LEAST_BYTES = 64 * MIB;

/** What takes the dyno of that part a tenth over its quota, in whole steps of 16 MiB. */
export function floodBytes(view: View, where: FloodTarget): number {
  const part = where === 'puma' ? 'puma' : 'sidekiq'; // a job of sidekiq starts the convert
  const holds = view.dynos.find(({ runs }) => runs[0]?.processes.some(({ label }) => label.startsWith(part)));
  const dyno = holds ?? view.dynos[0];
  const missing = (dyno?.quotaBytes ?? 0) * 1.1 - (dyno?.runs[0]?.bytes ?? 0);
  return Math.ceil(Math.max(missing, LEAST_BYTES) / (16 * MIB)) * 16 * MIB;
}
