import type { Action, Answer } from './action.ts';
import { flood } from './flood.ts';
import type { DynoView, ProcessView } from './view.ts';

type Wish = Extract<Action, { do: 'flood' }>;

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
  const problem = await flood(control, found.pid, `${where === 'convert' ? 'convert' : 'flood'} ${bytes}`);
  const amount = `${Math.round(bytes / 2 ** 20)}M`;
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
