import type { TinyRecord } from './record.ts';

export function interruptsIn({ done }: Pick<TinyRecord, 'done'>): TinyRecord['done'] {
  return done.filter(({ what }) => what.do === 'stop' && what.signal === 'SIGINT');
}

/** From then on everything may be killed at once. Infinity: there was none. */
export function secondInterruptMs(record: Pick<TinyRecord, 'done'>): number {
  return interruptsIn(record)[1]?.atMs ?? Infinity;
}
