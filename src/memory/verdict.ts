import type { ChildName, ChildSpec } from '../plan/spec.ts';
import { level, megabytes } from './amounts.ts';
import { idOf } from './transients.ts';
import type { Limits, Memory, Verdict } from './memory.ts';
import { killGrowing, relieve, savings, type Choice } from './relief.ts';
import type { View } from './view.ts';

/** A helper that would take us to the platform's kill within this time, at the present growth, gets no TERM first: two of
 * the quick looks. */
const FORESIGHT_S = 0.4;

/** What one exact reading means. `up`: the children that are ready. */
export function judge(
  before: Memory,
  view: View,
  up: ReadonlySet<ChildName>,
  specs: readonly ChildSpec[],
  limits: Limits,
): readonly [Memory, ...Verdict[]] {
  const { thresholds } = limits;
  const { totalBytes: total } = view;
  const [known, ...fitting] = learn(before, view, up, specs, limits);
  const [memory, ...warnings] = warn(known, view, limits);
  const said = [...warnings, ...fitting];
  if (total < thresholds.relieve) return [{ ...memory, nextReliefAtMs: 0, despaired: false }, ...said];
  if (memory.fits !== 'yes') return [memory, ...said];
  const about = [memory, view, up, specs, limits] as const;
  const isClose = total + FORESIGHT_S * view.growth >= thresholds.kill;
  const choice =
    total >= thresholds.save ? savings(...about) : ((isClose ? killGrowing(...about) : null) ?? relieve(...about));
  return choice === null ? [memory, ...said] : [after(memory, choice, view.atMs), ...said, choice.verdict];
}

function learn(
  memory: Memory,
  view: View,
  up: ReadonlySet<ChildName>,
  specs: readonly ChildSpec[],
  { bytes, thresholds }: Limits,
): readonly [Memory, ...Verdict[]] {
  const rest = new Map<ChildName, number>();
  for (const [child, held] of view.children) {
    if (up.has(child)) rest.set(child, Math.min(held, memory.rest.get(child) ?? Infinity));
  }
  const living = new Set(view.processes.map(idOf));
  const ending = new Map([...memory.ending].filter(([id]) => living.has(id)));
  const base = view.helpers.reduce((sum, { use }) => sum - use.bytes, view.totalBytes);
  const isFit = base < thresholds.relieve;
  const known = { ...memory, rest, ending };
  if (memory.fits === 'yes' || !specs.every(({ name }) => up.has(name))) return [known];
  if (isFit) return [{ ...known, fits: 'yes' }];
  if (memory.fits === 'no') return [known];
  const text = `${level(base, bytes)} with nothing at work: the quota is wrong or too small for this dyno; nothing will be ended for memory`;
  return [
    { ...known, fits: 'no' },
    { type: 'say', level: 'warn', text },
  ];
}

function warn(memory: Memory, view: View, { bytes, thresholds }: Limits): readonly [Memory, ...Verdict[]] {
  if (view.totalBytes < thresholds.rearm) return [{ ...memory, warned: false }];
  if (memory.warned || view.totalBytes < thresholds.warn) return [memory];
  const text = `${level(view.totalBytes, bytes)}: the biggest is ${biggest(view)}`;
  return [
    { ...memory, warned: true },
    { type: 'say', level: 'warn', text },
  ];
}

function biggest({ children, helpers, otherBytes }: View): string {
  const all = [
    ...children,
    ...helpers.map(({ use }): [string, number] => [`${use.name} in the tree of ${use.child}`, use.bytes]),
    ['what is not ours', otherBytes] as const,
  ];
  const [name, held] = all.reduce((one, other) => (other[1] > one[1] ? other : one));
  return `${name} with ${megabytes(held)}`;
}

function after(memory: Memory, { verdict, ending, waitMs }: Choice, atMs: number): Memory {
  return {
    ...memory,
    ending: ending === null ? memory.ending : new Map(memory.ending).set(...ending),
    nextReliefAtMs: waitMs === null ? memory.nextReliefAtMs : atMs + waitMs,
    despaired: memory.despaired || verdict.type === 'say',
  };
}
