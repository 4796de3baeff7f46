import type { TinyRecord } from './record.ts';

/** INT this soon after the first one is a copy of it, says docs/termination.md. */
const SAME_CTRL_C_MS = 500;

type Sent = { atMs: number; untilMs: number };

export function interruptsIn({ done }: Pick<TinyRecord, 'done'>): TinyRecord['done'] {
  return done.filter(({ what }) => what.do === 'stop' && what.signal === 'SIGINT');
}

/** Those that are surely or perhaps no copies of the first one. slackMs: how late the supervisor may receive one. */
export function possiblySecond<T extends Sent>([first, ...others]: readonly T[], slackMs: number): T[] {
  return others.filter(({ untilMs }) => first !== undefined && untilMs + slackMs >= first.atMs + SAME_CTRL_C_MS);
}

/** The first one that is surely no copy of the first of all. */
export function surelySecond<T extends Sent>([first, ...others]: readonly T[], slackMs: number): T | undefined {
  return others.find(({ atMs }) => first !== undefined && atMs > first.untilMs + slackMs + SAME_CTRL_C_MS);
}

/** From then on everything may be killed at once. Infinity: no INT can have been the second. */
export function secondInterruptMs(record: Pick<TinyRecord, 'done'>, slackMs: number): number {
  return possiblySecond(interruptsIn(record), slackMs)[0]?.atMs ?? Infinity;
}
