import type { TinyRecord } from './record.ts';

export function interruptsIn({ done }: Pick<TinyRecord, 'done'>): TinyRecord['done'] {
  return done.filter(({ what }) => what.do === 'stop' && what.signal === 'SIGINT');
}

/** Of two that come at almost the same time the kernel makes one: the first that is surely another than the first of all. */
export function surelySecond<T extends { atMs: number; untilMs: number }>(
  [first, ...others]: readonly T[],
  nearMs: number,
): T | undefined {
  return others.find(({ atMs }) => first !== undefined && atMs > first.untilMs + nearMs);
}

/** From then on everything may be killed at once. Infinity: there was none. */
export function secondInterruptMs(record: Pick<TinyRecord, 'done'>): number {
  return interruptsIn(record)[1]?.atMs ?? Infinity;
}
