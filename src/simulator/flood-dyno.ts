import type { Action, Answer } from './action.ts';
import { flood } from './flood.ts';
import type { DynoView, ProcessView } from './view.ts';

type Wish = Extract<Action, { do: 'flood' }>;

/** Twice the quota ends a dyno; the machine is to stay. */
const QUOTAS_MOST = 4;

/** Has a stand-in take so much memory. control: where the stand-ins listen; null where real parts run. */
export async function floodDyno(
  { where, bytes }: Wish,
  dynos: readonly DynoView[],
  control: string | null,
): Promise<Answer> {
  if (control === null) return { ok: false, text: 'only the stand-ins can be told to take memory' };
  const label = where === 'convert' ? 'sidekiq' : where;
  const found = firstOf(label, dynos);
  if (found === null) return { ok: false, text: `no ${label} runs` };
  const mostBytes = QUOTAS_MOST * Math.max(...dynos.map(({ quotaBytes }) => quotaBytes));
  if (bytes > mostBytes)
    return { ok: false, text: `${QUOTAS_MOST} times the quota is enough: ${mebibytes(mostBytes)}` };
  const problem = await flood(control, found.pid, `${where === 'convert' ? 'convert' : 'flood'} ${bytes}`);
  const amount = mebibytes(bytes);
  if (problem !== null) return { ok: false, text: `${label} (pid ${found.pid}): ${problem}` };
  return {
    ok: true,
    text: where === 'convert' ? `a convert of sidekiq grows to ${amount}` : `${label} takes ${amount} more`,
  };
}

function firstOf(label: string, dynos: readonly DynoView[]): ProcessView | null {
  const lives = dynos.flatMap(({ runs }) => runs.filter(({ phase }) => phase === 'up'));
  return lives.flatMap(({ processes }) => processes).find((process) => process.label === label) ?? null;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}M`;
}
